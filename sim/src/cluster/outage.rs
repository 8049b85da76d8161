//! Outage: requests that reached nobody.

use std::time::Duration;

use emberkeep_core::load::Load;
use emberkeep_core::time::Timestamp;

/// What could not be answered so far, because no pod that answers owned the key by what clients knew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outage {
    /// For how long there was such a key that was asked for.
    pub lasted: Duration,
    /// The load that is unanswered at this moment.
    pub unanswered: Load,
    /// Rate times time, in thousandths of a unit a second times microseconds.
    lost: u128,
    counted_to: Timestamp,
}

impl Outage {
    /// The units of load that were not answered.
    #[must_use]
    pub fn lost_units(&self) -> u64 {
        u64::try_from(self.lost / 1_000_000_000).unwrap_or(u64::MAX)
    }

    /// Counts up to `now`, from when on `unanswered` is not answered.
    pub(super) fn changes(&mut self, unanswered: Load, now: Timestamp) {
        let elapsed = now.since(self.counted_to);
        if self.unanswered > Load::ZERO {
            self.lasted += elapsed;
            self.lost += u128::from(self.unanswered.milli()) * elapsed.as_micros();
        }
        self.unanswered = unanswered;
        self.counted_to = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_counted_from_its_beginning_to_its_end() {
        let mut outage = Outage::default();
        let at = Timestamp::from_millis;
        outage.changes(Load::from_units(100), at(1_000));
        outage.changes(Load::from_units(40), at(1_500));
        outage.changes(Load::ZERO, at(3_500));
        outage.changes(Load::ZERO, at(9_000));
        assert_eq!(outage.lasted, Duration::from_millis(2_500));
        assert_eq!(outage.lost_units(), 130);
    }
}
