//! Handoff: how the replicas of a slice get from where they are to where they are wanted, one step at a time.
//!
//! ```text
//! new owner                warming ------> serving
//!                             |   is warm     |
//! old owner      serving -> yielding ----> leaving -> gone
//! ```
//!
//! At every step some live pod answers, if one did before.

use super::plan_slice::PlanSlice;
use super::signals::{Signals, WarmReplicas};
use crate::assignment::{Phase, PodIndex, Replica, ReplicaSet};
use crate::keyspace::SliceKey;
use crate::pod::PodName;

/// Which replicas have come to the end of their phase.
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

    fn has_left(&self, start: &SliceKey, pod: &PodName) -> bool {
        self.signals.lingered.contains(&(start.clone(), pod.clone()))
    }
}

impl PlanSlice {
    /// The replicas after the next step. A new owner serves at once where it is warm already, or where nobody else does.
    /// For each one that warms, one that is to go serves on.
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
                Some(Phase::Serving | Phase::Yielding | Phase::Leaving) => Phase::Serving,
                Some(Phase::Warming) | None if !is_served || progress.is_warm(start, name(owner)) => Phase::Serving,
                Some(Phase::Warming) | None => Phase::Warming,
            };
            next.set(owner, phase);
        }
        let mut heir_count = next.warming().count();
        for Replica { pod, phase } in self.before.iter().filter(|replica| !self.is_owned_by(replica.pod)) {
            match phase {
                Phase::Serving | Phase::Yielding if heir_count > 0 => {
                    heir_count -= 1;
                    next.set(pod, Phase::Yielding);
                }
                Phase::Serving | Phase::Yielding => next.set(pod, Phase::Leaving),
                Phase::Leaving if !progress.has_left(start, name(pod)) => next.set(pod, Phase::Leaving),
                Phase::Leaving | Phase::Warming => {}
            }
        }
        next
    }

    /// Whether a handoff that is under way comes a step further.
    pub(super) fn goes_on<'p>(&self, progress: &HandoffProgress, name: impl Fn(PodIndex) -> &'p PodName) -> bool {
        self.is_changing_hands() && self.next_replicas(progress, name) != self.before
    }

    /// Whether requests are routed to a pod by `next` that they were not routed to before.
    pub(super) fn is_switched_by(&self, next: &ReplicaSet) -> bool {
        let is_new = |pod: PodIndex| self.before.phase_of(pod) == Some(Phase::Warming);
        next.serving().any(is_new)
    }
}
