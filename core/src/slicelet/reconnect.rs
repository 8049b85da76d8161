//! Reconnecting: the assigner to try next, and the wait before it.

use std::sync::Arc;
use std::time::Duration;

use super::jitter::Jitter;

/// The longest wait for the assigner's welcome, including the connect; after it, the next assigner is tried.
pub const WELCOME_TIMEOUT: Duration = Duration::from_secs(3);
/// The longest wait after the first failure; each further failure doubles it.
const WAIT_MIN: Duration = Duration::from_millis(100);
/// The upper bound of the doubled wait, so that pods are back within the grace period of a new leader.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// Tries the assigners in turn, a hinted leader first. The first hint is followed at once. Each failure in a row doubles
/// the wait, and jitter keeps pods from reconnecting all at once.
#[derive(Debug, Clone)]
pub struct Reconnect {
    assigners: Vec<Arc<str>>,
    next: usize,
    hinted: Option<Arc<str>>,
    failure_count: u32,
    jitter: Jitter,
}

impl Reconnect {
    /// `assigners` are URLs, at least one; `seed` is random and differs between pods.
    #[must_use]
    pub const fn new(assigners: Vec<Arc<str>>, seed: u64) -> Self {
        Self {
            assigners,
            next: 0,
            hinted: None,
            failure_count: 0,
            jitter: Jitter::new(seed),
        }
    }

    /// The registration was accepted: the next failure waits as the first one does.
    pub const fn on_connected(&mut self) {
        self.failure_count = 0;
    }

    /// An attempt failed or a session ended; `leader` is its URL if the assigner named it. Returns the wait before the
    /// next attempt.
    pub fn on_failed(&mut self, leader: Option<Arc<str>>) -> Duration {
        self.hinted = leader;
        self.failure_count = self.failure_count.saturating_add(1);
        if self.hinted.is_some() && self.failure_count == 1 {
            return Duration::ZERO;
        }
        let doubled = WAIT_MIN.saturating_mul(1 << (self.failure_count - 1).min(10));
        self.jitter.equal(doubled.min(WAIT_MAX))
    }

    /// The URL of the assigner to try now; `None` if there is none.
    pub fn next_assigner(&mut self) -> Option<Arc<str>> {
        self.hinted.take().or_else(|| {
            let assigner = self.assigners.get(self.next % self.assigners.len().max(1)).cloned();
            self.next = self.next.wrapping_add(1);
            assigner
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reconnect() -> Reconnect {
        Reconnect::new(vec!["http://a".into(), "http://b".into()], 7)
    }

    #[test]
    fn assigners_are_tried_in_turn() {
        let mut reconnect = reconnect();
        let tried: Vec<_> = (0..3).filter_map(|_| reconnect.next_assigner()).collect();
        assert_eq!(
            tried.iter().map(AsRef::as_ref).collect::<Vec<&str>>(),
            ["http://a", "http://b", "http://a"]
        );
    }

    #[test]
    fn the_first_hint_is_followed_at_once_and_a_circle_of_hints_waits() {
        let mut reconnect = reconnect();
        assert_eq!(reconnect.on_failed(Some("http://c".into())), Duration::ZERO);
        assert_eq!(reconnect.next_assigner().as_deref(), Some("http://c"));
        assert!(reconnect.on_failed(Some("http://d".into())) >= WAIT_MIN);
        reconnect.on_connected();
        assert_eq!(reconnect.on_failed(Some("http://c".into())), Duration::ZERO);
    }

    #[test]
    fn waits_grow_to_a_limit_and_differ_by_jitter() {
        let mut reconnect = reconnect();
        let waits: Vec<_> = (0..20).map(|_| reconnect.on_failed(None)).collect();
        assert!(waits[0] >= WAIT_MIN / 2 && waits[0] <= WAIT_MIN);
        assert!(waits[10..].iter().all(|wait| (WAIT_MAX / 2..=WAIT_MAX).contains(wait)));
        assert!(waits[10..].windows(2).any(|pair| pair[0] != pair[1]));
    }
}
