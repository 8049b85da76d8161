//! The clocks: the monotonic one of brains, and the wall clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use emberkeep_core::time::Timestamp;
use tokio::time::Instant;

/// A monotonic clock that counts from its start. Copies share the origin. It uses tokio's clock, so tests may pause it.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock whose origin is now.
    #[must_use]
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// The time since the start of the clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.origin.elapsed()
    }

    /// The moment as an instant of tokio; `None` for [`Timestamp::NEVER`] and moments beyond the range of `Instant`.
    #[must_use]
    pub fn instant_of(&self, moment: Timestamp) -> Option<Instant> {
        let after = Duration::from_micros(moment.as_micros());
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
    async fn never_has_no_instant() {
        assert_eq!(Clock::start().instant_of(Timestamp::NEVER), None);
    }
}
