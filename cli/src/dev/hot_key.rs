//! A key that gets hot: from some moment on, a share of all requests goes to it.

use std::sync::Arc;
use std::time::Duration;

/// Which key, from when, and how hot.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HotKey {
    pub(super) key: Arc<str>,
    /// Its place in the trace's list of keys.
    pub(super) number: usize,
    /// Counted from the start of the run.
    pub(super) since: Duration,
    /// Of all requests.
    pub(super) share: f64,
}

impl HotKey {
    /// Whether the request of that number, which comes then, goes to this key. Those that do lie evenly among the
    /// others.
    pub(super) fn takes(&self, number: usize, at: Duration) -> bool {
        let taken_before = |number: usize| (number as f64 * self.share).floor();
        at >= self.since && taken_before(number + 1) > taken_before(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_its_share_from_its_moment_on() {
        let hot = HotKey {
            key: "a".into(),
            number: 0,
            since: Duration::from_secs(5),
            share: 0.3,
        };
        let taken = |at| (0..1_000).filter(|number| hot.takes(*number, at)).count();
        assert_eq!(taken(Duration::from_millis(4_999)), 0);
        assert_eq!(taken(Duration::from_secs(5)), 300);
        assert!((0..4).any(|number| hot.takes(number, hot.since)));
    }
}
