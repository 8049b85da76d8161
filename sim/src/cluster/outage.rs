//! The outage: requests that no pod answered.

use std::time::Duration;

use emberkeep_core::load::Load;
use emberkeep_core::time::Timestamp;

/// The load that was not answered so far, because no reachable pod served the key in the assignment that clients held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outage {
    /// The time during which some load was unanswered.
    pub lasted: Duration,
    /// The load that is unanswered now.
    pub unanswered: Load,
    /// The unanswered rate times its time, in thousandths of a unit a second times microseconds.
    lost: u128,
    counted_until: Timestamp,
}

impl Outage {
    /// The units of load that were not answered so far.
    #[must_use]
    pub fn lost_units(&self) -> u64 {
        u64::try_from(self.lost / 1_000_000_000).unwrap_or(u64::MAX)
    }

    /// Adds the time up to `now`, from which on `unanswered` is the unanswered load.
    pub(super) fn record(&mut self, unanswered: Load, now: Timestamp) {
        let elapsed = now.since(self.counted_until);
        if self.unanswered > Load::ZERO {
            self.lasted += elapsed;
            self.lost += u128::from(self.unanswered.milli()) * elapsed.as_micros();
        }
        self.unanswered = unanswered;
        self.counted_until = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_counted_from_its_start_to_its_end() {
        let mut outage = Outage::default();
        let at = Timestamp::from_millis;
        outage.record(Load::from_units(100), at(1_000));
        outage.record(Load::from_units(40), at(1_500));
        outage.record(Load::ZERO, at(3_500));
        outage.record(Load::ZERO, at(9_000));
        assert_eq!(outage.lasted, Duration::from_millis(2_500));
        assert_eq!(outage.lost_units(), 130);
    }
}
