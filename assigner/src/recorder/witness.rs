//! A brain that is recorded.

use emberkeep_core::assigner::{BrainId, RecordingEntry, TargetAction, TargetBrain, TargetEvent};
use emberkeep_core::brain::{Brain, Output};
use emberkeep_core::time::Timestamp;

use super::Recorder;

/// A target's brain, and whoever writes down what it is told and what it proposes.
#[derive(Debug)]
pub(crate) struct Witnessed {
    brain: TargetBrain,
    witness: Option<Witness>,
}

impl Witnessed {
    pub(crate) const fn new(brain: TargetBrain, witness: Option<Witness>) -> Self {
        Self { brain, witness }
    }
}

impl Brain for Witnessed {
    type Event = TargetEvent;
    type Action = TargetAction;

    fn step(&mut self, event: TargetEvent, now: Timestamp) -> Output<TargetAction> {
        self.witness = self.witness.take().filter(|witness| !witness.recorder.has_ended());
        let Some(witness) = &self.witness else {
            return self.brain.step(event, now);
        };
        let told = event.clone();
        let output = self.brain.step(event, now);
        witness.stepped(told, now, &output.actions);
        output
    }

    fn woke() -> TargetEvent {
        TargetBrain::woke()
    }
}

/// Writes down what one brain does. When it goes, so has the brain.
#[derive(Debug)]
pub(crate) struct Witness {
    brain: BrainId,
    recorder: Recorder,
}

impl Witness {
    pub(super) const fn new(brain: BrainId, recorder: Recorder) -> Self {
        Self { brain, recorder }
    }

    fn stepped(&self, event: TargetEvent, now: Timestamp, actions: &[TargetAction]) {
        self.recorder.take(RecordingEntry::Stepped {
            brain: self.brain,
            event,
            now,
            proposal: actions.iter().find_map(TargetAction::proposal).cloned(),
        });
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.recorder.take(RecordingEntry::Ended { brain: self.brain });
    }
}
