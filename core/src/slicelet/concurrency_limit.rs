//! The concurrency limit: how many requests the store can take from this pod at a time, learned from its answers.

use std::time::Duration;

use super::chance::Chance;
use crate::time::Timestamp;

/// Grows by one for each limit's worth of requests that were served, and is halved when the store says that it is busy
/// ("additive increase, multiplicative decrease", Chiu and Jain, 1989). After such a signal nothing new is asked for a
/// pause, twice as long after each one in a row and between half and all of it, so that pods do not come back all
/// together.
///
/// All requests that were under way at a signal belong to it: what they say of the store was known.
#[derive(Debug, Clone)]
pub(super) struct ConcurrencyLimit {
    limit: usize,
    max: usize,
    /// How many were served since the limit last changed.
    served_count: usize,
    /// How many signals came in a row.
    signal_count: u32,
    signalled_at: Option<Timestamp>,
    halved_at: Option<Timestamp>,
    paused_until: Timestamp,
    chance: Chance,
}

/// Pauses double from here ...
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// ... to here.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// What a smaller limit does is first seen before it is halved again.
const HALVING_INTERVAL: Duration = Duration::from_secs(1);

impl ConcurrencyLimit {
    /// As many as there may be at most, one at least.
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
            chance: Chance::new(seed),
        }
    }

    pub(super) const fn count(&self) -> usize {
        self.limit
    }

    /// Until when nothing new may be asked; in the past, if anything may.
    pub(super) const fn paused_until(&self) -> Timestamp {
        self.paused_until
    }

    /// A request that was admitted then was served.
    pub(super) fn served(&mut self, admitted_at: Timestamp) {
        if !self.was_under_way(admitted_at) {
            self.signal_count = 0;
        }
        self.served_count += 1;
        if self.served_count >= self.limit {
            self.served_count = 0;
            self.limit = (self.limit + 1).min(self.max);
        }
    }

    /// The store was too busy for a request that was admitted then.
    pub(super) fn busy(&mut self, admitted_at: Timestamp, now: Timestamp) {
        if self.was_under_way(admitted_at) {
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

    /// Whether a request that was admitted then was under way at the last signal.
    fn was_under_way(&self, admitted_at: Timestamp) -> bool {
        self.signalled_at.is_some_and(|at| admitted_at <= at)
    }

    fn pause(&mut self) -> Duration {
        let doubled = PAUSE_MIN.saturating_mul(1 << (self.signal_count - 1).min(10));
        let half = doubled.min(PAUSE_MAX) / 2;
        half + half * self.chance.draw() / u32::from(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn pause_after(limit: &mut ConcurrencyLimit, now: Timestamp) -> Duration {
        limit.busy(now, now);
        limit.paused_until().since(now)
    }

    #[test]
    fn all_that_were_under_way_are_one_signal() {
        let mut limit = ConcurrencyLimit::new(64, 1);
        (0..64).for_each(|_| limit.busy(at(0), at(10)));
        assert_eq!(limit.count(), 32);
        limit.busy(at(10), at(5_000));
        assert_eq!(limit.count(), 32);
        limit.busy(at(11), at(5_000));
        assert_eq!(limit.count(), 16);
    }

    #[test]
    fn the_limit_is_halved_once_a_second_and_never_below_one() {
        let mut limit = ConcurrencyLimit::new(6, 1);
        let seen: Vec<_> = (1..=8)
            .map(|half_second| {
                limit.busy(at(500 * half_second), at(500 * half_second));
                limit.count()
            })
            .collect();
        assert_eq!(seen, [3, 3, 1, 1, 1, 1, 1, 1]);
    }

    #[test]
    fn each_limits_worth_of_served_requests_brings_one_more_place() {
        let mut limit = ConcurrencyLimit::new(6, 1);
        limit.busy(at(1), at(1));
        let seen: Vec<_> = (0..13)
            .map(|_| {
                limit.served(at(2));
                limit.count()
            })
            .collect();
        assert_eq!(seen, [3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5, 6, 6]);
        (0..100).for_each(|_| limit.served(at(2)));
        assert_eq!(limit.count(), 6, "there are no more places than were set");
    }

    #[test]
    fn pauses_double_to_a_limit_differ_by_chance_and_begin_anew_once_a_request_is_served() {
        let mut limit = ConcurrencyLimit::new(64, 7);
        let pauses: Vec<_> = (1..20).map(|step| pause_after(&mut limit, at(step * 10_000))).collect();
        let is_between = |pause: Duration, most: Duration| (most / 2..=most).contains(&pause);
        assert!(is_between(pauses[0], PAUSE_MIN) && is_between(pauses[1], 2 * PAUSE_MIN));
        assert!(pauses[6..].iter().all(|pause| is_between(*pause, PAUSE_MAX)));
        assert!(pauses[6..].windows(2).any(|pair| pair[0] != pair[1]));
        limit.served(at(190_000));
        assert!(
            pause_after(&mut limit, at(200_000)) > PAUSE_MAX / 4,
            "it was under way at the last signal"
        );
        limit.served(at(200_001));
        assert!(is_between(pause_after(&mut limit, at(210_000)), PAUSE_MIN));
    }
}
