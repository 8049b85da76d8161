//! The recorder: queues the records of brains for the thread that writes them.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use emberkeep_core::assigner::{BrainId, RecordingEntry, TargetAction, TargetEvent, TargetState};
use emberkeep_core::target::TargetName;
use emberkeep_core::time::Timestamp;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tracing::error;

/// The capacity of the queue between brains and disk, in records: some seconds of events of a thousand pods.
pub(super) const QUEUE_MAX: usize = 16_384;

/// A record as brains produce it: with whole states, which are shared, so that queueing one copies nothing.
pub(super) type LiveRecord = RecordingEntry<Arc<TargetState>>;

/// Creates one recorder per brain. Clones write to the same file.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    queue: mpsc::Sender<LiveRecord>,
    state: Arc<RecordingState>,
}

/// The state shared by recorders and the writing thread.
#[derive(Debug, Default)]
pub(super) struct RecordingState {
    has_ended: AtomicBool,
    next_brain: AtomicU64,
}

impl Recorder {
    pub(super) const fn new(queue: mpsc::Sender<LiveRecord>, state: Arc<RecordingState>) -> Self {
        Self { queue, state }
    }

    /// Records the start of a brain and returns the recorder of its steps.
    pub(crate) fn start_brain(&self, target: &TargetName, state: &Arc<TargetState>, now: Timestamp) -> BrainRecorder {
        let brain = BrainId(self.state.next_brain.fetch_add(1, Ordering::Relaxed));
        self.enqueue(RecordingEntry::Began {
            brain,
            target: target.clone(),
            state: Arc::clone(state),
            now,
        });
        BrainRecorder {
            brain,
            recorder: self.clone(),
        }
    }

    /// Returns at once: when the queue is full, the recording ends.
    pub(super) fn enqueue(&self, record: LiveRecord) {
        if self.state.has_ended() {
            return;
        }
        match self.queue.try_send(record) {
            // When the channel is closed, the writer has logged the reason.
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(_)) => self.state.end("the queue is full, the disk is too slow"),
        }
    }
}

impl RecordingState {
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }

    /// Ends the recording. Only the first reason is logged.
    pub(super) fn end(&self, reason: impl Display) {
        if !self.has_ended.swap(true, Ordering::Relaxed) {
            error!(%reason, "the recording has ended, the assigner continues without it");
        }
    }
}

/// Records the steps of one brain, and its end when dropped.
#[derive(Debug)]
pub(crate) struct BrainRecorder {
    brain: BrainId,
    recorder: Recorder,
}

impl BrainRecorder {
    pub(super) fn has_ended(&self) -> bool {
        self.recorder.state.has_ended()
    }

    pub(super) fn record_step(&self, event: TargetEvent, now: Timestamp, actions: &[TargetAction]) {
        self.recorder.enqueue(RecordingEntry::Stepped {
            brain: self.brain,
            event,
            now,
            proposal: actions.iter().find_map(TargetAction::proposal).cloned(),
        });
    }
}

impl Drop for BrainRecorder {
    fn drop(&mut self) {
        self.recorder.enqueue(RecordingEntry::Ended { brain: self.brain });
    }
}
