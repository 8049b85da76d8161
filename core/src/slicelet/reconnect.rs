//! Reconnecting: which assigner to try next, and after how long.

use std::sync::Arc;
use std::time::Duration;

use super::chance::Chance;

/// Waits double from here ...
const WAIT_MIN: Duration = Duration::from_millis(100);
/// ... to here: short enough that a new leader has its pods back within its grace period.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// Takes the assigners in turn, a hinted leader first. A first hint is followed at once; everything else waits, twice
/// as long after each failure and between half and all of it, so that pods do not come back all together ("equal
/// jitter" of Brooker, "Exponential Backoff And Jitter", 2015).
#[derive(Debug, Clone)]
pub struct Reconnect {
    assigners: Vec<Arc<str>>,
    next: usize,
    hinted: Option<Arc<str>>,
    failure_count: u32,
    chance: Chance,
}

impl Reconnect {
    /// `assigners` are URLs, at least one; `seed` is a random number of the pod's own.
    #[must_use]
    pub const fn new(assigners: Vec<Arc<str>>, seed: u64) -> Self {
        Self {
            assigners,
            next: 0,
            hinted: None,
            failure_count: 0,
            chance: Chance::new(seed),
        }
    }

    /// A session is up.
    pub const fn succeeded(&mut self) {
        self.failure_count = 0;
    }

    /// An attempt or a session failed; how long to wait before the next one.
    pub fn failed(&mut self, leader: Option<Arc<str>>) -> Duration {
        self.hinted = leader;
        self.failure_count = self.failure_count.saturating_add(1);
        if self.hinted.is_some() && self.failure_count == 1 {
            return Duration::ZERO;
        }
        let doubled = WAIT_MIN.saturating_mul(1 << (self.failure_count - 1).min(10));
        let half = doubled.min(WAIT_MAX) / 2;
        half + half * self.chance.draw() / u32::from(u16::MAX)
    }

    /// Whom to try now.
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
    fn assigners_take_turns() {
        let mut reconnect = reconnect();
        let tried: Vec<_> = (0..3).filter_map(|_| reconnect.next_assigner()).collect();
        assert_eq!(
            tried.iter().map(AsRef::as_ref).collect::<Vec<&str>>(),
            ["http://a", "http://b", "http://a"]
        );
    }

    #[test]
    fn a_first_hint_is_followed_at_once_and_a_circle_of_hints_is_slowed_down() {
        let mut reconnect = reconnect();
        assert_eq!(reconnect.failed(Some("http://c".into())), Duration::ZERO);
        assert_eq!(reconnect.next_assigner().as_deref(), Some("http://c"));
        assert!(reconnect.failed(Some("http://d".into())) >= WAIT_MIN);
        reconnect.succeeded();
        assert_eq!(reconnect.failed(Some("http://c".into())), Duration::ZERO);
    }

    #[test]
    fn waits_grow_to_a_limit_and_differ_by_chance() {
        let mut reconnect = reconnect();
        let waits: Vec<_> = (0..20).map(|_| reconnect.failed(None)).collect();
        assert!(waits[0] >= WAIT_MIN / 2 && waits[0] <= WAIT_MIN);
        assert!(waits[10..].iter().all(|wait| (WAIT_MAX / 2..=WAIT_MAX).contains(wait)));
        assert!(waits[10..].windows(2).any(|pair| pair[0] != pair[1]));
    }
}
