//! Once in a while: what many say at the same time is passed on once.

use std::collections::BTreeMap;
use std::time::Duration;

use emberkeep_core::time::Timestamp;

/// Lets each key through once in a while; it remembers a bounded number of them.
#[derive(Debug)]
pub struct OnceInAWhile<K> {
    pause: Duration,
    keys_max: usize,
    passed: BTreeMap<K, Timestamp>,
}

impl<K: Ord> OnceInAWhile<K> {
    /// Each key passes once in `pause`, and at most `keys_max` keys do so in this time.
    #[must_use]
    pub const fn new(pause: Duration, keys_max: usize) -> Self {
        Self {
            pause,
            keys_max,
            passed: BTreeMap::new(),
        }
    }

    /// Whether the key passes now.
    pub fn passes(&mut self, key: K, now: Timestamp) -> bool {
        let is_recent = |at: &Timestamp| now.since(*at) < self.pause;
        if self.passed.get(&key).is_some_and(is_recent) {
            return false;
        }
        if self.passed.len() >= self.keys_max {
            self.passed.retain(|_, at| is_recent(at));
        }
        let has_room = self.passed.len() < self.keys_max;
        if has_room {
            self.passed.insert(key, now);
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_passes_once_in_a_while() {
        let at = Timestamp::from_millis;
        let mut once = OnceInAWhile::new(Duration::from_secs(1), 8);
        assert!(once.passes("a", at(0)));
        assert!(once.passes("b", at(500)));
        assert!(!once.passes("a", at(999)));
        assert!(once.passes("a", at(1_000)));
        assert!(!once.passes("b", at(1_001)));
    }

    #[test]
    fn no_more_keys_pass_than_are_remembered() {
        let at = Timestamp::from_millis;
        let mut once = OnceInAWhile::new(Duration::from_secs(1), 2);
        assert!(once.passes("a", at(0)) && once.passes("b", at(1)));
        assert!(!once.passes("c", at(2)));
        assert!(once.passes("c", at(1_000)), "the first is forgotten");
    }
}
