//! Emberkeep's own balancer with exact load signals.

use emberkeep_core::time::Timestamp;

use super::exact_load::ExactLoad;
use super::target::Target;
use crate::load_trace::LoadTrace;
use crate::ownership::OwnershipMap;
use crate::replay::{Balancer, Moment, Stopwatch, TraceState};

/// The production balancer, given the exact load of every key without delay.
pub struct Emberkeep {
    target: Target,
    load: ExactLoad,
}

impl Emberkeep {
    /// A balancer without an assignment.
    #[must_use]
    pub fn new(trace: &LoadTrace) -> Self {
        Self {
            target: Target::new(trace),
            load: ExactLoad::new(trace.keys().len()),
        }
    }
}

impl Balancer for Emberkeep {
    fn decide(
        &mut self,
        state: &TraceState<'_>,
        moment: Moment,
        stopwatch: &mut Stopwatch<'_>,
    ) -> Option<OwnershipMap> {
        self.target.observe(state, moment);
        if self.load.observe(state) {
            self.target.set_load(self.load.load_map(state.trace().keys()));
        }
        let now = Timestamp::from_millis(moment.at_ms);
        self.target.decide(now, stopwatch)
    }
}
