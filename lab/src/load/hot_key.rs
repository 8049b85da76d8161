//! A hot key: from a given time on, it receives a share of all requests.

use std::sync::Arc;
use std::time::Duration;

/// The hot key, its start and its share.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HotKeyPlan {
    pub(crate) key: Arc<str>,
    /// Its index in the list of keys.
    pub(crate) number: usize,
    /// From the start of the run.
    pub(crate) since: Duration,
    /// Its share of all requests, between 0 and 1.
    pub(crate) share: f64,
}

impl HotKeyPlan {
    /// Whether the request of that number, due at that time, goes to this key. Its requests are evenly spread among
    /// all.
    pub(crate) fn has_request(&self, number: usize, at: Duration) -> bool {
        let taken_before = |number: usize| (number as f64 * self.share).floor();
        at >= self.since && taken_before(number + 1) > taken_before(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gets_its_share_from_its_time_on() {
        let hot = HotKeyPlan {
            key: "a".into(),
            number: 0,
            since: Duration::from_secs(5),
            share: 0.3,
        };
        let taken = |at| (0..1_000).filter(|number| hot.has_request(*number, at)).count();
        assert_eq!(taken(Duration::from_millis(4_999)), 0);
        assert_eq!(taken(Duration::from_secs(5)), 300);
        assert!((0..4).any(|number| hot.has_request(number, hot.since)));
    }
}
