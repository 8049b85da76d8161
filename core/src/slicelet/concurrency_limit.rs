//! The concurrency limit: how many requests of this pod may run at the store, adapted to its answers.

use std::time::Duration;

use super::jitter::Jitter;
use crate::time::Timestamp;

/// Grows by one after as many served requests as the limit, and is halved when the store answers that it is busy
/// ("additive increase, multiplicative decrease", Chiu and Jain, 1989). After such a signal no request is admitted for a
/// pause. Signals in a row double the pause, and jitter keeps pods from resuming all at once.
///
/// Requests that were running at a signal belong to it: their answers bring no newer information about the store.
#[derive(Debug, Clone)]
pub(super) struct ConcurrencyLimit {
    limit: usize,
    max: usize,
    /// Requests served since the limit last changed.
    served_count: usize,
    /// Busy signals without a served request in between.
    signal_count: u32,
    signalled_at: Option<Timestamp>,
    halved_at: Option<Timestamp>,
    paused_until: Timestamp,
    jitter: Jitter,
}

/// The longest pause after the first signal; each further signal doubles it.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// The upper bound of the doubled pause.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// The limit is not halved again before the smaller one has had an effect.
const HALVING_INTERVAL: Duration = Duration::from_secs(1);

impl ConcurrencyLimit {
    /// The limit starts at `max`, which is at least one.
    pub(super) fn new(max: usize, seed: u64) -> Self {
        let max = max.max(1);
        Self {
            limit: max,
            max,
            served_count: 0,
            signal_count: 0,
            signalled_at: None,
            halved_at: None,
            paused_until: Timestamp::ZERO,
            jitter: Jitter::new(seed),
        }
    }

    /// Requests that may run at a time.
    pub(super) const fn count(&self) -> usize {
        self.limit
    }

    /// No request is admitted before; in the past if there is no pause.
    pub(super) const fn paused_until(&self) -> Timestamp {
        self.paused_until
    }

    /// A request that was admitted at `admitted_at` was served.
    pub(super) fn on_served(&mut self, admitted_at: Timestamp) {
        if !self.was_running(admitted_at) {
            self.signal_count = 0;
        }
        self.served_count += 1;
        if self.served_count >= self.limit {
            self.served_count = 0;
            self.limit = (self.limit + 1).min(self.max);
        }
    }

    /// The store was too busy for a request that was admitted at `admitted_at`.
    pub(super) fn on_busy(&mut self, admitted_at: Timestamp, now: Timestamp) {
        if self.was_running(admitted_at) {
            return;
        }
        self.signalled_at = Some(now);
        self.signal_count = self.signal_count.saturating_add(1);
        self.paused_until = now + self.pause();
        if self.halved_at.is_none_or(|at| now >= at + HALVING_INTERVAL) {
            self.halved_at = Some(now);
            self.limit = (self.limit / 2).max(1);
            self.served_count = 0;
        }
    }

    /// Whether a request that was admitted at `admitted_at` was running at the last signal.
    fn was_running(&self, admitted_at: Timestamp) -> bool {
        self.signalled_at.is_some_and(|at| admitted_at <= at)
    }

    fn pause(&mut self) -> Duration {
        let doubled = PAUSE_MIN.saturating_mul(1 << (self.signal_count - 1).min(10));
        self.jitter.equal(doubled.min(PAUSE_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn pause_after(limit: &mut ConcurrencyLimit, now: Timestamp) -> Duration {
        limit.on_busy(now, now);
        limit.paused_until().since(now)
    }

    #[test]
    fn all_requests_running_at_a_signal_are_one_signal() {
        let mut limit = ConcurrencyLimit::new(64, 1);
        (0..64).for_each(|_| limit.on_busy(at(0), at(10)));
        assert_eq!(limit.count(), 32);
        limit.on_busy(at(10), at(5_000));
        assert_eq!(limit.count(), 32);
        limit.on_busy(at(11), at(5_000));
        assert_eq!(limit.count(), 16);
    }

    #[test]
    fn the_limit_is_halved_once_a_second_and_never_below_one() {
        let mut limit = ConcurrencyLimit::new(6, 1);
        let seen: Vec<_> = (1..=8)
            .map(|half_second| {
                limit.on_busy(at(500 * half_second), at(500 * half_second));
                limit.count()
            })
            .collect();
        assert_eq!(seen, [3, 3, 1, 1, 1, 1, 1, 1]);
    }

    #[test]
    fn the_limit_grows_by_one_after_as_many_served_requests() {
        let mut limit = ConcurrencyLimit::new(6, 1);
        limit.on_busy(at(1), at(1));
        let seen: Vec<_> = (0..13)
            .map(|_| {
                limit.on_served(at(2));
                limit.count()
            })
            .collect();
        assert_eq!(seen, [3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5, 6, 6]);
        (0..100).for_each(|_| limit.on_served(at(2)));
        assert_eq!(limit.count(), 6, "the configured limit is never exceeded");
    }

    #[test]
    fn pauses_double_to_a_limit_differ_by_jitter_and_restart_after_a_served_request() {
        let mut limit = ConcurrencyLimit::new(64, 7);
        let pauses: Vec<_> = (1..20).map(|step| pause_after(&mut limit, at(step * 10_000))).collect();
        let is_between = |pause: Duration, most: Duration| (most / 2..=most).contains(&pause);
        assert!(is_between(pauses[0], PAUSE_MIN) && is_between(pauses[1], 2 * PAUSE_MIN));
        assert!(pauses[6..].iter().all(|pause| is_between(*pause, PAUSE_MAX)));
        assert!(pauses[6..].windows(2).any(|pair| pair[0] != pair[1]));
        limit.on_served(at(190_000));
        assert!(
            pause_after(&mut limit, at(200_000)) > PAUSE_MAX / 4,
            "it was running at the last signal"
        );
        limit.on_served(at(200_001));
        assert!(is_between(pause_after(&mut limit, at(210_000)), PAUSE_MIN));
    }
}
