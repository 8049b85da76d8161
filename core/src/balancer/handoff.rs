//! Handoff: the next step of the replicas of a slice from their current phases to the planned owners.
//!
//! ```text
//! new owner                warming ------> serving
//!                             |   is warm     |
//! old owner      serving -> yielding ----> leaving -> gone
//! ```
//!
//! After every step some live pod serves the slice, if one did before.

use super::plan_slice::PlanSlice;
use super::signals::{Signals, WarmReplicas};
use crate::assignment::{Phase, PodIndex, Replica, ReplicaSet};
use crate::keyspace::SliceKey;
use crate::pod::PodName;

/// The replicas that have completed their phase.
pub(super) struct HandoffProgress<'a> {
    signals: &'a Signals,
}

impl<'a> HandoffProgress<'a> {
    pub(super) const fn of(signals: &'a Signals) -> Self {
        Self { signals }
    }

    fn is_warm(&self, start: &SliceKey, pod: &PodName) -> bool {
        match &self.signals.warm {
            WarmReplicas::All => true,
            WarmReplicas::Only(warm) => warm.contains(&(start.clone(), pod.clone())),
        }
    }

    fn has_lingered(&self, start: &SliceKey, pod: &PodName) -> bool {
        self.signals.lingered.contains(&(start.clone(), pod.clone()))
    }
}

impl PlanSlice {
    /// The replicas after the next step. A new owner serves at once if it is warm, or if no other pod serves. For each
    /// warming replica, one old owner keeps serving.
    pub(super) fn next_replicas<'p>(
        &self,
        progress: &HandoffProgress,
        name: impl Fn(PodIndex) -> &'p PodName,
    ) -> ReplicaSet {
        let start = self.slice.start();
        let is_served = self.before.serving().next().is_some();
        let mut next = ReplicaSet::none();
        for owner in self.owners() {
            let phase = match self.before.phase_of(owner) {
                // ## yielding, leaving -> serving: it is a planned owner again
                Some(Phase::Serving | Phase::Yielding | Phase::Leaving) => Phase::Serving,
                // ## none, warming -> serving: it is warm, or no other pod serves
                Some(Phase::Warming) | None if !is_served || progress.is_warm(start, name(owner)) => Phase::Serving,
                // ## none -> warming: a new owner
                Some(Phase::Warming) | None => Phase::Warming,
            };
            next.set(owner, phase);
        }
        let mut successor_count = next.warming().count();
        for Replica { pod, phase } in self.before.iter().filter(|replica| !self.is_owned_by(replica.pod)) {
            match phase {
                // ## serving -> yielding: until a successor is warm
                Phase::Serving | Phase::Yielding if successor_count > 0 => {
                    successor_count -= 1;
                    next.set(pod, Phase::Yielding);
                }
                // ## serving, yielding -> leaving: other pods serve
                Phase::Serving | Phase::Yielding => next.set(pod, Phase::Leaving),
                Phase::Leaving if !progress.has_lingered(start, name(pod)) => next.set(pod, Phase::Leaving),
                // ## leaving -> none: it has lingered; warming -> none: it is no planned owner any more
                Phase::Leaving | Phase::Warming => {}
            }
        }
        next
    }

    /// Whether the next step of a handoff in progress changes the replicas.
    pub(super) fn is_handoff_due<'p>(
        &self,
        progress: &HandoffProgress,
        name: impl Fn(PodIndex) -> &'p PodName,
    ) -> bool {
        self.is_in_handoff() && self.next_replicas(progress, name) != self.before
    }

    /// Whether `next` routes requests to a pod that was warming.
    pub(super) fn is_switched_by(&self, next: &ReplicaSet) -> bool {
        let is_new = |pod: PodIndex| self.before.phase_of(pod) == Some(Phase::Warming);
        next.serving().any(is_new)
    }
}
