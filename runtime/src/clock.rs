//! The clocks: the monotonic one of brains, and the wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use emberkeep_core::time::Timestamp;
use tokio::time::Instant;

/// A monotonic clock. Copies share the origin. It uses tokio's clock, so tests may pause it.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
    /// The time at the origin.
    start: Timestamp,
}

impl Clock {
    /// A clock that counts from zero.
    #[must_use]
    pub fn start() -> Self {
        Self {
            origin: Instant::now(),
            start: Timestamp::ZERO,
        }
    }

    /// A clock that counts from the wall clock at its start, so that its times mean something to other processes, up to
    /// clock skew. Later steps of the wall clock do not change it.
    #[must_use]
    pub fn start_at_wall_time() -> Self {
        Self {
            origin: Instant::now(),
            start: Timestamp::from_millis(unix_ms()),
        }
    }

    /// The time now; it never decreases.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.start + self.origin.elapsed()
    }

    /// The moment as an instant of tokio; `None` for [`Timestamp::NEVER`] and moments beyond the range of `Instant`.
    #[must_use]
    pub fn instant_of(&self, moment: Timestamp) -> Option<Instant> {
        let after = moment.since(self.start);
        (moment != Timestamp::NEVER)
            .then(|| self.origin.checked_add(after))
            .flatten()
    }

    /// Waits until `moment`; never returns for [`Timestamp::NEVER`].
    pub async fn sleep_until(&self, moment: Timestamp) {
        match self.instant_of(moment) {
            Some(instant) => tokio::time::sleep_until(instant).await,
            None => std::future::pending().await,
        }
    }
}

/// The wall clock, in milliseconds since 1970. Pods share it up to clock skew; zero if it is set before 1970.
#[must_use]
pub fn unix_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn sleep_until_returns_at_the_moment() {
        let clock = Clock::start();
        let moment = Timestamp::from_micros(1_500);
        clock.sleep_until(moment).await;
        assert!(clock.now() >= moment);
        assert!(clock.now().since(moment) <= Duration::from_millis(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_starts_at_the_wall_time_continues_by_the_monotonic_one() {
        let before = unix_ms();
        let clock = Clock::start_at_wall_time();
        let started = clock.now();
        assert!((before..=unix_ms()).contains(&(started.as_micros() / 1_000)));
        clock.sleep_until(started + Duration::from_secs(3_600)).await;
        assert!(clock.now().since(started) >= Duration::from_secs(3_600));
    }

    #[tokio::test(start_paused = true)]
    async fn never_has_no_instant() {
        assert_eq!(Clock::start().instant_of(Timestamp::NEVER), None);
    }
}
