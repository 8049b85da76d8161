//! The churn of a tick: the load that lost an owner.

use crate::load_trace::PodId;

use super::key_ranges::KeyRanges;

/// Load that lost an owner, in milli-units a second.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct TickChurn {
    pub(super) moved: f64,
    /// The part whose old owner left.
    pub(super) unavoidable: f64,
}

/// The churn between two ownerships. `up_to` holds the total load of the keys before each index; replicas share the load of a key equally.
pub(super) fn churn_between(before: &KeyRanges, after: &KeyRanges, up_to: &[f64], left: &[PodId]) -> TickChurn {
    let mut churn = TickChurn::default();
    let mut new = after.parts().peekable();
    for (old_from, old_to, old_owners) in before.parts() {
        while let Some((new_from, new_to, new_owners)) = new.peek().copied() {
            let (from, to) = (old_from.max(new_from), old_to.min(new_to));
            if from < to && old_owners != new_owners {
                let per_owner = (up_to[to] - up_to[from]) / old_owners.len() as f64;
                for lost in old_owners.iter().filter(|pod| !new_owners.contains(pod)) {
                    churn.moved += per_owner;
                    churn.unavoidable += if left.contains(lost) { per_owner } else { 0.0 };
                }
            }
            if new_to > old_to {
                break;
            }
            new.next();
        }
    }
    churn
}
