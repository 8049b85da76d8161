//! The file of a recording, and the thread that writes it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use emberkeep_core::assigner::{BrainId, RECORDING_HEADER, RecordingEntry, StateChange, TargetState};
use emberkeep_runtime::tasks::Tasks;
use tokio::sync::mpsc;
use tracing::info;

use super::recorder::{LiveRecord, QUEUE_MAX, Recorder, RecordingState};
use crate::error::AssignerError;

/// A recording that is open for writing.
#[derive(Debug)]
pub(crate) struct RecordingFile<W: Write = File> {
    sink: BufWriter<W>,
    /// The last recorded state of each brain: a written record holds only the change since then.
    states: BTreeMap<BrainId, Arc<TargetState>>,
}

impl RecordingFile {
    /// Creates `path`, or the first of `path.2`, `path.3`, ... that does not exist yet: a process restarted with the
    /// same flags keeps its earlier recordings.
    pub(crate) fn create(path: &Path) -> Result<Self, AssignerError> {
        let started = create_numbered(path).and_then(|(path, file)| {
            info!(path = %path.display(), "recording");
            Self::start(file)
        });
        started.map_err(|error| AssignerError::Record {
            path: path.to_owned(),
            error,
        })
    }

    /// Starts the writing thread. It ends when the last recorder is dropped, that is, with the last brain.
    pub(crate) fn spawn_writer(self, tasks: &Tasks) -> Recorder {
        let (records, queue) = mpsc::channel(QUEUE_MAX);
        let state = Arc::new(RecordingState::default());
        let recorder = Recorder::new(records, Arc::clone(&state));
        tasks.spawn_supervised("recorder", async move {
            let writer_state = Arc::clone(&state);
            let written = tokio::task::spawn_blocking(move || {
                if let Err(error) = self.write_all(queue) {
                    writer_state.end(error);
                }
            });
            if let Err(panicked) = written.await {
                state.end(panicked);
            }
        });
        recorder
    }
}

impl<W: Write> RecordingFile<W> {
    fn start(sink: W) -> io::Result<Self> {
        let mut sink = BufWriter::new(sink);
        sink.write_all(RECORDING_HEADER.as_bytes())?;
        sink.flush()?;
        Ok(Self {
            sink,
            states: BTreeMap::new(),
        })
    }

    /// Writes records until the queue is closed. The buffer is flushed to the operating system whenever the queue is
    /// empty.
    fn write_all(mut self, mut queue: mpsc::Receiver<LiveRecord>) -> io::Result<()> {
        while let Some(record) = queue.blocking_recv() {
            self.write(record)?;
            while let Ok(record) = queue.try_recv() {
                self.write(record)?;
            }
            self.sink.flush()?;
        }
        Ok(())
    }

    fn write(&mut self, record: LiveRecord) -> io::Result<()> {
        let bytes = postcard::to_stdvec(&self.with_state_changes(record)).map_err(io::Error::other)?;
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.sink.write_all(&length.to_le_bytes())?;
        self.sink.write_all(&bytes)
    }

    /// The record in its written form: whole states are replaced by their change since the brain's last record.
    fn with_state_changes(&mut self, record: LiveRecord) -> RecordingEntry {
        match record {
            RecordingEntry::Began {
                brain,
                target,
                state,
                now,
            } => {
                self.states.insert(brain, Arc::clone(&state));
                RecordingEntry::Began {
                    brain,
                    target,
                    state,
                    now,
                }
            }
            RecordingEntry::Stepped {
                brain,
                event,
                now,
                proposal,
            } => {
                let Ok(event) = event.try_map_state(|state| Ok::<_, Infallible>(self.change_to(brain, state)));
                RecordingEntry::Stepped {
                    brain,
                    event,
                    now,
                    proposal,
                }
            }
            RecordingEntry::Ended { brain } => {
                self.states.remove(&brain);
                RecordingEntry::Ended { brain }
            }
        }
    }

    fn change_to(&mut self, brain: BrainId, state: Arc<TargetState>) -> StateChange {
        let before = self.states.insert(brain, Arc::clone(&state));
        let before = before.expect("the queue keeps the order, and a brain's first record is its start");
        StateChange::between(&before, &state)
    }
}

/// Creates the first of `path`, `path.2`, `path.3`, ... that does not exist yet.
fn create_numbered(path: &Path) -> io::Result<(PathBuf, File)> {
    let numbered = |number: u32| {
        let mut numbered = path.as_os_str().to_owned();
        numbered.push(format!(".{number}"));
        PathBuf::from(numbered)
    };
    let candidates = std::iter::once(path.to_owned()).chain((2..NUMBER_MAX).map(numbered));
    for candidate in candidates {
        match File::create_new(&candidate) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created.map(|file| (candidate, file)),
        }
    }
    Err(io::Error::other(format!(
        "{NUMBER_MAX} recordings of this name exist already"
    )))
}

/// The largest number of recordings with one file name.
const NUMBER_MAX: u32 = 1_000;

#[cfg(test)]
mod tests {
    use emberkeep_core::assigner::{TargetEvent, TargetSettings};
    use emberkeep_core::target::TargetName;
    use emberkeep_core::time::Timestamp;
    use tempfile::TempDir;

    use super::super::recorder::BrainRecorder;
    use super::*;

    fn recorder(queue_max: usize) -> (Recorder, mpsc::Receiver<LiveRecord>, Arc<RecordingState>) {
        let (records, queue) = mpsc::channel(queue_max);
        let state = Arc::new(RecordingState::default());
        (Recorder::new(records, Arc::clone(&state)), queue, state)
    }

    fn start_brain(recorder: &Recorder) -> BrainRecorder {
        let target = TargetName::try_new("profiles").unwrap();
        let state = Arc::new(TargetState::new(TargetSettings::default()));
        recorder.start_brain(&target, &state, Timestamp::ZERO)
    }

    #[test]
    fn an_existing_recording_is_never_overwritten() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("night");
        for expected in ["night", "night.2", "night.3"] {
            RecordingFile::create(&path).unwrap();
            let text = std::fs::read_to_string(folder.path().join(expected)).unwrap();
            assert_eq!(text, RECORDING_HEADER);
        }
        let error = RecordingFile::create(&folder.path().join("no/folder/file")).unwrap_err();
        assert!(
            error.is_bad_input() && error.to_string().contains("no/folder/file"),
            "{error}"
        );
    }

    #[test]
    fn a_full_queue_ends_the_recording_after_the_queued_records() {
        let (recorder, queue, recording) = recorder(1);
        let brain = start_brain(&recorder);
        assert!(!recording.has_ended());
        drop(brain);
        assert!(recording.has_ended());
        drop(recorder);
        let mut written = Vec::new();
        RecordingFile::start(&mut written).unwrap().write_all(queue).unwrap();
        let body = &written[RECORDING_HEADER.len()..];
        let length = u32::from_le_bytes(body[..4].try_into().unwrap());
        assert_eq!(body.len(), 4 + length as usize, "exactly one record");
        let record: RecordingEntry = postcard::from_bytes(&body[4..]).unwrap();
        assert!(matches!(record, RecordingEntry::Began { brain: BrainId(0), .. }));
    }

    /// A disk that accepts `room` more bytes.
    struct FullDisk {
        room: usize,
    }

    impl Write for FullDisk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.room.checked_sub(bytes.len()) {
                Some(left) => {
                    self.room = left;
                    Ok(bytes.len())
                }
                None => Err(io::ErrorKind::StorageFull.into()),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_ends_the_recording_and_brains_continue() {
        let (recorder, queue, _) = recorder(8);
        let brain = start_brain(&recorder);
        let disk = FullDisk {
            room: RECORDING_HEADER.len(),
        };
        let failed = RecordingFile::start(disk).unwrap().write_all(queue).unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::StorageFull);
        recorder.enqueue(RecordingEntry::Stepped {
            brain: BrainId(0),
            event: TargetEvent::Woke,
            now: Timestamp::ZERO,
            proposal: None,
        });
        drop(brain);
    }
}
