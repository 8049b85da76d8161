//! Emberkeep's own balancer, with exact load.

use emberkeep_core::time::Timestamp;

use super::exact_load::ExactLoad;
use super::target::Target;
use crate::load_trace::LoadTrace;
use crate::ownership::OwnershipMap;
use crate::replay::{Balancer, Moment, Stopwatch, TraceState};

/// A target whose balancer knows the exact load of every key at once.
pub struct Emberkeep {
    target: Target,
    load: ExactLoad,
}

impl Emberkeep {
    /// Nothing is assigned yet.
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
        world: &TraceState<'_>,
        moment: Moment,
        stopwatch: &mut Stopwatch<'_>,
    ) -> Option<OwnershipMap> {
        self.target.observe(world, moment);
        if self.load.observe(world) {
            self.target.set_load(self.load.load_map(world.trace().keys()));
        }
        let now = Timestamp::from_millis(moment.at_ms);
        self.target.decide(now, stopwatch)
    }
}
