//! A throttle per key: at most one event of a key in a fixed time.

use std::collections::BTreeMap;
use std::time::Duration;

use emberkeep_core::time::Timestamp;

/// Allows one event of each key in a fixed time, and remembers a bounded number of keys.
#[derive(Debug)]
pub struct KeyedThrottle<K> {
    pause: Duration,
    keys_max: usize,
    allowed: BTreeMap<K, Timestamp>,
}

impl<K: Ord> KeyedThrottle<K> {
    /// Allows each key once in `pause`, and at most `keys_max` different keys in this time.
    #[must_use]
    pub const fn new(pause: Duration, keys_max: usize) -> Self {
        Self {
            pause,
            keys_max,
            allowed: BTreeMap::new(),
        }
    }

    /// Records the key and returns true, unless it was allowed less than the pause ago or too many other keys were.
    pub fn allow(&mut self, key: K, now: Timestamp) -> bool {
        let is_recent = |at: &Timestamp| now.since(*at) < self.pause;
        if self.allowed.get(&key).is_some_and(is_recent) {
            return false;
        }
        if self.allowed.len() >= self.keys_max {
            self.allowed.retain(|_, at| is_recent(at));
        }
        let has_room = self.allowed.len() < self.keys_max;
        if has_room {
            self.allowed.insert(key, now);
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_allowed_once_in_the_pause() {
        let at = Timestamp::from_millis;
        let mut throttle = KeyedThrottle::new(Duration::from_secs(1), 8);
        assert!(throttle.allow("a", at(0)));
        assert!(throttle.allow("b", at(500)));
        assert!(!throttle.allow("a", at(999)));
        assert!(throttle.allow("a", at(1_000)));
        assert!(!throttle.allow("b", at(1_001)));
    }

    #[test]
    fn no_more_keys_are_allowed_than_are_remembered() {
        let at = Timestamp::from_millis;
        let mut throttle = KeyedThrottle::new(Duration::from_secs(1), 2);
        assert!(throttle.allow("a", at(0)) && throttle.allow("b", at(1)));
        assert!(!throttle.allow("c", at(2)));
        assert!(throttle.allow("c", at(1_000)), "the first is forgotten");
    }
}
