//! Decision inputs: everything that a decision depends on, as a copy for what-if queries.

use std::sync::Arc;

use crate::assignment::Assignment;
use crate::balancer::{BalancerSettings, Decision, Scope, Signals, decide};
use crate::pod::PodName;
use crate::time::Timestamp;

/// Everything that a decision depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the arguments of `balancer::decide`")]
pub struct DecisionInputs {
    pub assignment: Arc<Assignment>,
    pub signals: Signals,
    pub settings: BalancerSettings,
    pub now: Timestamp,
}

impl DecisionInputs {
    /// The inputs as they would be if the pod had just died.
    #[must_use]
    pub fn without(mut self, pod: &PodName) -> Self {
        self.signals.pods.remove(pod);
        self
    }

    /// The inputs with another scope.
    #[must_use]
    pub fn within(mut self, scope: Scope) -> Self {
        self.signals.scope = scope;
        self
    }

    /// The decision on these inputs.
    pub fn decide(&self) -> Decision {
        decide(&self.assignment, &self.signals, &self.settings, self.now)
    }
}
