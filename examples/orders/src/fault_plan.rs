//! Fault injection: which calls to the outside services fail, to observe retries and undoing.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Selects the calls that fail.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct FaultPlan {
    /// The first N calls of each idempotency key fail, alternately before and after they take effect
    #[arg(long, default_value_t = 0)]
    pub fail_first: u32,
    /// This percentage of the other calls fails, half of them after they took effect
    #[arg(long, default_value_t = 0)]
    pub fail_percent: u64,
    /// The first N calls of each idempotency key take effect but never get a reply
    #[arg(long, default_value_t = 0)]
    pub silent_first: u32,
    /// All calls for this step (reserve, charge or ship) fail after they took effect
    #[arg(long)]
    pub broken: Option<String>,
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallFault {
    /// Before it takes effect.
    Before,
    /// After it takes effect: only the reply is lost.
    After,
    /// After it takes effect, and without any reply: the caller times out.
    Silent,
}

impl FaultPlan {
    /// The fault of a call: the one with `try_count` earlier calls with the same idempotency key; `None` if it succeeds.
    #[must_use]
    pub fn fault_of(&self, key: &str, try_count: u32) -> Option<CallFault> {
        let is_broken = self
            .broken
            .as_ref()
            .is_some_and(|step| key.ends_with(&format!("/{step}")));
        match try_count {
            _ if is_broken => Some(CallFault::After),
            count if count < self.silent_first => Some(CallFault::Silent),
            count if count < self.fail_first => Some(before_or_after(u64::from(count))),
            _ => {
                let drawn = drawn(key, try_count);
                (drawn % 100 < self.fail_percent).then(|| before_or_after(drawn / 100))
            }
        }
    }
}

fn before_or_after(number: u64) -> CallFault {
    match number.is_multiple_of(2) {
        true => CallFault::Before,
        false => CallFault::After,
    }
}

/// A pseudo-random number, always the same for the same call.
fn drawn(key: &str, try_count: u32) -> u64 {
    let mut hasher = DefaultHasher::new();
    (key, try_count).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_calls_of_each_key_fail_before_and_after_their_effect_in_turn() {
        let faults = FaultPlan {
            fail_first: 2,
            ..FaultPlan::default()
        };
        let planned: Vec<Option<CallFault>> = (0..4).map(|count| faults.fault_of("o/ship", count)).collect();
        assert_eq!(planned, [Some(CallFault::Before), Some(CallFault::After), None, None]);
    }

    #[test]
    fn a_broken_step_never_succeeds_but_can_be_undone() {
        let faults = FaultPlan {
            broken: Some("ship".to_owned()),
            ..FaultPlan::default()
        };
        assert_eq!(faults.fault_of("o/ship", 99), Some(CallFault::After));
        assert_eq!(faults.fault_of("o/ship/undo", 0), None);
        assert_eq!(faults.fault_of("o/charge", 0), None);
    }
}
