//! The clocks: the one that brains are told about, and the wall's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use emberkeep_core::time::Timestamp;
use tokio::time::Instant;

/// A monotonic clock with its origin where it was started. Copies show the same time.
///
/// It is tokio's clock, so tests may pause it.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that begins now.
    #[must_use]
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// How late it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.origin.elapsed()
    }

    /// The moment as tokio counts it; `None` for [`Timestamp::NEVER`], and for what no clock will ever show.
    #[must_use]
    pub fn instant_of(&self, moment: Timestamp) -> Option<Instant> {
        let after = Duration::from_micros(moment.as_micros());
        (moment != Timestamp::NEVER)
            .then(|| self.origin.checked_add(after))
            .flatten()
    }

    /// Waits until `moment` has come: for ever, if it never does.
    pub async fn sleep_until(&self, moment: Timestamp) {
        match self.instant_of(moment) {
            Some(instant) => tokio::time::sleep_until(instant).await,
            None => std::future::pending().await,
        }
    }
}

/// How late it is by the wall clock, which pods share but for some skew: milliseconds since 1970.
#[must_use]
pub fn unix_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_moment_has_come_once_it_was_waited_for() {
        let clock = Clock::start();
        let moment = Timestamp::from_micros(1_500);
        clock.sleep_until(moment).await;
        assert!(clock.now() >= moment);
        assert!(clock.now().since(moment) <= Duration::from_millis(1));
    }

    #[tokio::test(start_paused = true)]
    async fn never_is_no_instant() {
        assert_eq!(Clock::start().instant_of(Timestamp::NEVER), None);
    }
}
