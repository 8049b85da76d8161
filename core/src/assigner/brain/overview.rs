//! The overview of the target for queries.

use super::TargetBrain;
use crate::assigner::cluster::PodRecord;
use crate::assigner::overview::{PodCondition, TargetOverview};
use crate::balancer::Scope;
use crate::pod::PodName;
use crate::time::Timestamp;

impl TargetBrain {
    pub(super) fn overview(&self, now: Timestamp) -> TargetOverview {
        let condition = |(name, record): (&PodName, &PodRecord)| (name.clone(), self.condition_of(name, record, now));
        TargetOverview {
            inputs: self.decision_inputs(Scope::Repair, now),
            is_frozen: self.state.is_frozen,
            status: self.status(now),
            troubles: self.troubles(now),
            decisions: self.state.decisions.last(usize::MAX),
            pods: self.state.pods.iter().map(condition).collect(),
            warming: self.handoffs.progress(&self.state.settings.handoff, now),
        }
    }

    fn condition_of(&self, name: &PodName, record: &PodRecord, now: Timestamp) -> PodCondition {
        let held_until = self.flap_damping.held_until(name);
        if self.health.has_failed(name) {
            PodCondition::Suspect
        } else if record.is_draining {
            PodCondition::Draining
        } else if !self.health.is_alive(name) {
            PodCondition::Awaited
        } else if let Some(until) = held_until {
            let remaining = until.since(now);
            PodCondition::HeldBack { remaining }
        } else if self.health.is_starting(name) {
            PodCondition::Starting
        } else {
            PodCondition::Ready
        }
    }
}
