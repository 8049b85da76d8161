//! Time as a value: core receives the time as an argument and reads no clock.

use std::ops::Add;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A time on the monotonic clock of the driver of a brain, in microseconds since the origin of that clock.
///
/// Comparing timestamps of different clocks is meaningless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The origin of the clock.
    pub const ZERO: Timestamp = Timestamp(0);
    /// Later than every other time: a wake-up that never comes.
    pub const NEVER: Timestamp = Timestamp(u64::MAX);

    /// From microseconds after the origin.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// From milliseconds after the origin.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Microseconds since the origin.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to this one; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;

    /// The time `after` later; saturates at [`Timestamp::NEVER`].
    fn add(self, after: Duration) -> Timestamp {
        let micros = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        Timestamp(self.0.saturating_add(micros))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_to_never_saturates() {
        assert_eq!(Timestamp::NEVER + Duration::MAX, Timestamp::NEVER);
    }

    #[test]
    fn since_saturates_at_zero() {
        let noon = Timestamp::from_millis(12);
        assert_eq!(noon.since(noon + Duration::from_secs(1)), Duration::ZERO);
        assert_eq!((noon + Duration::from_secs(1)).since(noon), Duration::from_secs(1));
    }
}
