//! A brain whose steps are recorded.

use emberkeep_core::assigner::{TargetAction, TargetBrain, TargetEvent};
use emberkeep_core::brain::{Brain, Output};
use emberkeep_core::time::Timestamp;

use super::recorder::BrainRecorder;

/// A target's brain with an optional recorder of its events and proposals.
#[derive(Debug)]
pub(crate) struct RecordedBrain {
    brain: TargetBrain,
    recorder: Option<BrainRecorder>,
}

impl RecordedBrain {
    pub(crate) const fn new(brain: TargetBrain, recorder: Option<BrainRecorder>) -> Self {
        Self { brain, recorder }
    }
}

impl Brain for RecordedBrain {
    type Event = TargetEvent;
    type Action = TargetAction;

    fn step(&mut self, event: TargetEvent, now: Timestamp) -> Output<TargetAction> {
        self.recorder = self.recorder.take().filter(|recorder| !recorder.has_ended());
        let Some(recorder) = &self.recorder else {
            return self.brain.step(event, now);
        };
        let recorded = event.clone();
        let output = self.brain.step(event, now);
        recorder.record_step(recorded, now, &output.actions);
        output
    }

    fn woke() -> TargetEvent {
        TargetBrain::woke()
    }
}
