//! What the brain of a target sees: the state, the pods and their load, put as pacing and balancer want to know it.

use std::sync::Arc;

use super::TargetBrain;
use crate::assigner::cluster::PodRecord;
use crate::assigner::pacing::PacingInputs;
use crate::assigner::query::DecisionInputs;
use crate::assigner::rolling_update::DeferredDrains;
use crate::assignment::{Generation, Phase, SliceState};
use crate::balancer::{PodSignal, Scope, Signals, WarmReplicas};
use crate::pod::{Pod, PodName};
use crate::time::Timestamp;

impl TargetBrain {
    pub(super) fn inputs(&self, scope: Scope, now: Timestamp) -> DecisionInputs {
        DecisionInputs {
            assignment: Arc::clone(&self.state.assignment),
            signals: self.signals(scope, now),
            settings: self.state.settings.balancer.clone(),
            now,
        }
    }

    fn signals(&self, scope: Scope, now: Timestamp) -> Signals {
        let waiting = self.waiting(now);
        let signal = |(name, record): (&PodName, &PodRecord)| {
            let may_own = self.may_own(name, record, &waiting);
            let pod = record.pod.clone();
            let signal = PodSignal { pod, may_own };
            (name.clone(), signal)
        };
        Signals {
            pods: self.state.pods.iter().map(signal).collect(),
            load: self.history.map(now),
            lingered: self.handoffs.left(&self.state.settings.handoff, now),
            warm: self.warm(now),
            scope,
            recent_moves: self.journal.recent_moves().clone(),
            pins: self.state.pins().collect(),
            poisoned: self.state.poisoned.iter().map(|(slice, ())| slice.clone()).collect(),
        }
    }

    pub(super) fn needs(&self, now: Timestamp) -> PacingInputs {
        let (state, assignment) = (&self.state, &self.state.assignment);
        let waiting = self.waiting(now);
        let owners = || {
            state
                .pods
                .iter()
                .filter(|(name, record)| self.may_own(name, record, &waiting))
        };
        let has_owner = owners().next().is_some();
        let is_registered = |pod: &Pod| state.pods.get(&pod.name).is_some_and(|record| record.pod == *pod);
        let has_left = !self.handoffs.left(&state.settings.handoff, now).is_empty();
        PacingInputs {
            is_frozen: state.is_frozen,
            has_no_owner: !has_owner,
            repair: has_left
                || self.has_warm(now)
                || !assignment.pods().iter().all(is_registered)
                || (has_owner && self.is_anywhere(SliceState::is_unserved)),
            drains: has_owner && self.is_to_move(&waiting),
            joined: owners().any(|(name, _)| assignment.index_of(name).is_none()),
            is_measured: owners().all(|(name, _)| self.history.is_fresh(name, now)),
            is_overloaded: owners().any(|(name, _)| self.overloaded.contains(name)),
            awaits_replacement: waiting.until,
            mass_failure: self
                .outage
                .held_still_until(&state.pods, state.settings.health.mass_failure_share, now),
        }
    }

    /// A pod whose slices wait for another one to take its place owns them meanwhile as if it did not drain.
    fn may_own(&self, name: &PodName, record: &PodRecord, waiting: &DeferredDrains) -> bool {
        (!record.is_draining || waiting.contains(name)) && self.is_ready(name)
    }

    /// The pods that drain and whose slices wait for others to take their place.
    fn waiting(&self, now: Timestamp) -> DeferredDrains {
        if !self.replacement.is_expected(now) {
            return DeferredDrains::default();
        }
        let (state, assignment) = (&self.state, &self.state.assignment);
        let has_joined = |(name, record): &(&PodName, &PodRecord)| {
            !record.is_draining && self.is_ready(name) && assignment.index_of(name).is_none()
        };
        let still_serves = |name: &PodName| {
            let shares = assignment.index_of(name).map(|index| assignment.shares_of(index));
            let serves = shares
                .into_iter()
                .flatten()
                .any(|(_, _, phase)| phase == Phase::Serving);
            serves && self.health.is_heard(name) && state.pods.get(name).is_some_and(|record| record.is_draining)
        };
        let joined_count = state.pods.iter().filter(has_joined).count();
        let grace = state.settings.pacing.join_grace;
        self.replacement.waiting(still_serves, joined_count, grace, now)
    }

    /// The new owners that may serve.
    fn warm(&self, now: Timestamp) -> WarmReplicas {
        let settings = &self.state.settings.handoff;
        match settings.transfer {
            true => WarmReplicas::Only(self.handoffs.warm(settings, |pod| self.health.is_heard(pod), now)),
            false => WarmReplicas::All,
        }
    }

    /// Whether a new owner may serve that does not yet.
    fn has_warm(&self, now: Timestamp) -> bool {
        match self.warm(now) {
            WarmReplicas::Only(warm) => !warm.is_empty(),
            WarmReplicas::All => self.is_anywhere(|state| state.replicas.warming().next().is_some()),
        }
    }

    /// Whether a slice is to stay with a pod that may not own it, or waits for a new owner that is none any more.
    fn is_to_move(&self, waiting: &DeferredDrains) -> bool {
        let may_stay = |pod: &Pod| {
            let record = self.state.pods.get(&pod.name);
            record.is_some_and(|record| self.may_own(&pod.name, record, waiting))
        };
        let may_stay: Vec<bool> = self.state.assignment.pods().iter().map(may_stay).collect();
        self.is_anywhere(|state| {
            let mut staying = state.replicas.iter().filter(|replica| replica.phase.is_final_owner());
            staying.any(|replica| !may_stay[replica.pod.as_usize()]) || state.replicas.has_stranded_yield()
        })
    }

    /// Whether some slice is like that. Before the first assignment none is: nobody serves anything, and pods are gathered.
    fn is_anywhere(&self, is_such: impl FnMut(&SliceState) -> bool) -> bool {
        let assignment = &self.state.assignment;
        assignment.generation() != Generation::NONE && assignment.slices().values().any(is_such)
    }
}
