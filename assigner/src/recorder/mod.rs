//! The recorder: all that leading brains are told and propose goes to a file, to be replayed later.
//!
//! ```text
//! driver --event--> Witnessed brain --Record--> queue (bounded) --> RecordingFile (a thread of its own)
//! ```
//!
//! A brain never waits for the disk: its records go into a bounded queue, and a thread writes them. Where the queue is
//! full or a write fails, the recording ends with one line in the log, and the assigner goes on without it.

mod file;
mod witness;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use emberkeep_core::assigner::{BrainId, RecordingEntry, TargetState};
use emberkeep_core::target::TargetName;
use emberkeep_core::time::Timestamp;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tracing::error;

pub(crate) use self::file::RecordingFile;
pub(crate) use self::witness::{Witness, Witnessed};

/// How many records may wait for the disk: some seconds of a thousand pods.
const QUEUE_MAX: usize = 16_384;

/// A record as a brain has it: with whole states, which are shared and cost nothing to keep.
type LiveRecord = RecordingEntry<Arc<TargetState>>;

/// Where brains get their witnesses. Copies write to the same file.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    queue: mpsc::Sender<LiveRecord>,
    course: Arc<Course>,
}

/// How the recording goes.
#[derive(Debug, Default)]
struct Course {
    has_ended: AtomicBool,
    next_brain: AtomicU64,
}

impl Recorder {
    fn new(queue: mpsc::Sender<LiveRecord>, course: Arc<Course>) -> Self {
        Self { queue, course }
    }

    /// The witness of a brain that begins now.
    pub(crate) fn witness(&self, target: &TargetName, state: &Arc<TargetState>, now: Timestamp) -> Witness {
        let brain = BrainId(self.course.next_brain.fetch_add(1, Ordering::Relaxed));
        self.take(RecordingEntry::Began {
            brain,
            target: target.clone(),
            state: Arc::clone(state),
            now,
        });
        Witness::new(brain, self.clone())
    }

    /// Never waits.
    fn take(&self, record: LiveRecord) {
        if self.has_ended() {
            return;
        }
        match self.queue.try_send(record) {
            // The writer is gone, and has said why.
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(_)) => self.course.end("the disk is too slow for it"),
        }
    }

    fn has_ended(&self) -> bool {
        self.course.has_ended.load(Ordering::Relaxed)
    }
}

impl Course {
    /// Ends the recording; said once, whoever comes first.
    fn end(&self, reason: impl std::fmt::Display) {
        if !self.has_ended.swap(true, Ordering::Relaxed) {
            error!(%reason, "the recording has ended, the assigner goes on without it");
        }
    }
}
