//! An order: the request and its progress.

use serde::{Deserialize, Serialize};

use crate::pb;
use crate::steps::{StepProgress, Stepwise, WorkStage};

/// The value of a key, stored as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The request that created the order.
    pub asked: pb::PlaceRequest,
    progress: StepProgress,
}

impl Order {
    /// An order before its first step.
    #[must_use]
    pub fn new(asked: pb::PlaceRequest) -> Self {
        Self {
            asked,
            progress: StepProgress::default(),
        }
    }
}

impl Stepwise for Order {
    fn progress(&self) -> &StepProgress {
        &self.progress
    }

    fn with_progress(self, progress: StepProgress) -> Self {
        Self { progress, ..self }
    }
}

impl From<&Order> for pb::Order {
    fn from(order: &Order) -> Self {
        let (stage, because) = match order.progress.stage() {
            WorkStage::Running => (pb::Stage::Running, ""),
            WorkStage::Undoing { because, .. } => (pb::Stage::Undoing, because.as_str()),
            WorkStage::Finished => (pb::Stage::Finished, ""),
            WorkStage::Cancelled { because } => (pb::Stage::Cancelled, because.as_str()),
        };
        let done = order.progress.done().iter().map(|done| pb::DoneStep {
            step: done.step.clone(),
            returned: done.returned.clone(),
        });
        Self {
            order_id: order.asked.order_id.clone(),
            stage: stage.into(),
            because: because.to_owned(),
            done: done.collect(),
            undone: order.progress.undone().to_vec(),
        }
    }
}
