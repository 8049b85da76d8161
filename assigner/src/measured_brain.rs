//! A brain whose steps are measured.

use emberkeep_core::assigner::{TargetAction, TargetBrain, TargetEvent};
use emberkeep_core::brain::{Brain, Output};
use emberkeep_core::time::Timestamp;
use prometheus::Histogram;

use crate::recording::RecordedBrain;

/// A target's brain with a histogram of the time that its steps take.
#[derive(Debug)]
pub(crate) struct MeasuredBrain {
    pub(crate) brain: RecordedBrain,
    pub(crate) step_seconds: Histogram,
}

impl Brain for MeasuredBrain {
    type Event = TargetEvent;
    type Action = TargetAction;

    fn step(&mut self, event: TargetEvent, now: Timestamp) -> Output<TargetAction> {
        let _timer = self.step_seconds.start_timer();
        self.brain.step(event, now)
    }

    fn woke() -> TargetEvent {
        TargetBrain::woke()
    }
}
