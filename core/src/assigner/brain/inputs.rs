//! The inputs of pacing and balancer, computed from the state, the pods and their load.

use std::sync::Arc;

use super::TargetBrain;
use crate::assigner::cluster::PodRecord;
use crate::assigner::decision_inputs::DecisionInputs;
use crate::assigner::pacing::PacingInputs;
use crate::assigner::rolling_update::DeferredDrains;
use crate::assignment::{Generation, Phase, SliceState};
use crate::balancer::{PodSignal, Scope, Signals, WarmReplicas};
use crate::pod::{Pod, PodName};
use crate::time::Timestamp;

impl TargetBrain {
    pub(super) fn decision_inputs(&self, scope: Scope, now: Timestamp) -> DecisionInputs {
        DecisionInputs {
            assignment: Arc::clone(&self.state.assignment),
            signals: self.signals(scope, now),
            settings: self.state.settings.balancer.clone(),
            now,
        }
    }

    fn signals(&self, scope: Scope, now: Timestamp) -> Signals {
        let deferred = self.deferred_drains(now);
        let signal = |(name, record): (&PodName, &PodRecord)| {
            let may_own = self.may_own(name, record, &deferred);
            let pod = record.pod.clone();
            let signal = PodSignal { pod, may_own };
            (name.clone(), signal)
        };
        Signals {
            pods: self.state.pods.iter().map(signal).collect(),
            load: self.history.map(now),
            lingered: self.handoffs.lingered(&self.state.settings.handoff, now),
            warm: self.warm(now),
            scope,
            recent_moves: self.journal.recent_moves().clone(),
            pins: self.state.pins().collect(),
            poisoned: self.state.poisoned.iter().map(|(slice, ())| slice.clone()).collect(),
        }
    }

    pub(super) fn pacing_inputs(&self, now: Timestamp) -> PacingInputs {
        let (state, assignment) = (&self.state, &self.state.assignment);
        let deferred = self.deferred_drains(now);
        let owners = || {
            state
                .pods
                .iter()
                .filter(|(name, record)| self.may_own(name, record, &deferred))
        };
        let has_owner = owners().next().is_some();
        let is_registered = |pod: &Pod| state.pods.get(&pod.name).is_some_and(|record| record.pod == *pod);
        let has_lingered = !self.handoffs.lingered(&state.settings.handoff, now).is_empty();
        PacingInputs {
            is_frozen: state.is_frozen,
            has_no_owner: !has_owner,
            needs_repair: has_lingered
                || self.has_warm(now)
                || !assignment.pods().iter().all(is_registered)
                || (has_owner && self.is_anywhere(SliceState::is_unserved)),
            has_misplaced_slices: has_owner && self.has_misplaced_slice(&deferred),
            has_joined_pods: owners().any(|(name, _)| assignment.index_of(name).is_none()),
            is_measured: owners().all(|(name, _)| self.history.is_fresh(name, now)),
            is_overloaded: owners().any(|(name, _)| self.overloaded.contains(name)),
            replacement_expected_until: deferred.until,
            mass_failure_until: self.mass_failure.balance_paused_until(
                &state.pods,
                state.settings.health.mass_failure_share,
                now,
            ),
        }
    }

    /// Whether the pod may own slices. A draining pod whose replacement is expected may, until the replacement joins.
    fn may_own(&self, name: &PodName, record: &PodRecord, deferred: &DeferredDrains) -> bool {
        (!record.is_draining || deferred.contains(name)) && self.is_ready(name)
    }

    /// The draining pods whose slices wait for a replacement.
    fn deferred_drains(&self, now: Timestamp) -> DeferredDrains {
        if !self.rolling_update.is_replacement_expected(now) {
            return DeferredDrains::default();
        }
        let (state, assignment) = (&self.state, &self.state.assignment);
        let has_joined = |(name, record): &(&PodName, &PodRecord)| {
            !record.is_draining && self.is_ready(name) && assignment.index_of(name).is_none()
        };
        let is_serving_drain = |name: &PodName| {
            let shares = assignment.index_of(name).map(|index| assignment.shares_of(index));
            let serves = shares
                .into_iter()
                .flatten()
                .any(|(_, _, phase)| phase == Phase::Serving);
            serves && self.health.is_alive(name) && state.pods.get(name).is_some_and(|record| record.is_draining)
        };
        let joined_count = state.pods.iter().filter(has_joined).count();
        let grace = state.settings.pacing.join_grace;
        self.rolling_update.deferred(is_serving_drain, joined_count, grace, now)
    }

    /// The warming replicas that may serve.
    fn warm(&self, now: Timestamp) -> WarmReplicas {
        let settings = &self.state.settings.handoff;
        match settings.transfer {
            true => WarmReplicas::Only(self.handoffs.warm(settings, |pod| self.health.is_alive(pod), now)),
            false => WarmReplicas::All,
        }
    }

    /// Whether a warming replica may serve.
    fn has_warm(&self, now: Timestamp) -> bool {
        match self.warm(now) {
            WarmReplicas::Only(warm) => !warm.is_empty(),
            WarmReplicas::All => self.is_anywhere(|state| state.replicas.warming().next().is_some()),
        }
    }

    /// Whether a slice has an owner that may not own it, or one that yields to a successor that is gone.
    fn has_misplaced_slice(&self, deferred: &DeferredDrains) -> bool {
        let may_own = |pod: &Pod| {
            let record = self.state.pods.get(&pod.name);
            record.is_some_and(|record| self.may_own(&pod.name, record, deferred))
        };
        let may_own: Vec<bool> = self.state.assignment.pods().iter().map(may_own).collect();
        self.is_anywhere(|state| {
            let mut owners = state.replicas.iter().filter(|replica| replica.phase.is_final_owner());
            owners.any(|replica| !may_own[replica.pod.as_usize()]) || state.replicas.has_stranded_yield()
        })
    }

    /// Whether any slice meets the condition; never before the first assignment, because pods are gathered first.
    fn is_anywhere(&self, is_like_that: impl FnMut(&SliceState) -> bool) -> bool {
        let assignment = &self.state.assignment;
        assignment.generation() != Generation::NONE && assignment.slices().values().any(is_like_that)
    }
}
