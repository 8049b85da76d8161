//! Recording: the events and proposals of all leading brains go to a file, for a later replay in the simulator.
//!
//! ```text
//! driver --event--> RecordedBrain --LiveRecord--> Recorder: bounded queue --> RecordingFile (a blocking thread)
//! ```
//!
//! A brain never waits for the disk: its records go into a bounded queue, and a thread writes them. When the queue is
//! full or a write fails, the recording ends with one log line, and the assigner continues without it.

mod recorded_brain;
mod recorder;
mod recording_file;

pub(crate) use self::recorded_brain::RecordedBrain;
pub(crate) use self::recorder::Recorder;
pub(crate) use self::recording_file::RecordingFile;
