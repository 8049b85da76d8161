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

use super::{Course, LiveRecord, QUEUE_MAX, Recorder};
use crate::error::AssignerError;

/// A recording that has just begun.
#[derive(Debug)]
pub(crate) struct RecordingFile<W: Write = File> {
    sink: BufWriter<W>,
    /// What each brain was told last: a record has only what changed since.
    states: BTreeMap<BrainId, Arc<TargetState>>,
}

impl RecordingFile {
    /// A new file there, or beside it where there is one already: a process that is started again with the same flags
    /// keeps what it has recorded before.
    pub(crate) fn create(path: &Path) -> Result<Self, AssignerError> {
        let begun = created_beside(path).and_then(|(path, file)| {
            info!(path = %path.display(), "recording");
            Self::begin(file)
        });
        begun.map_err(|error| AssignerError::Record {
            path: path.to_owned(),
            error,
        })
    }

    /// Has a thread write it until no recorder is left, which is when the last brain has ended.
    pub(crate) fn spawn_writer(self, tasks: &Tasks) -> Recorder {
        let (records, queue) = mpsc::channel(QUEUE_MAX);
        let course = Arc::new(Course::default());
        let recorder = Recorder::new(records, Arc::clone(&course));
        tasks.spawn_supervised("recorder", async move {
            let ended = Arc::clone(&course);
            let written = tokio::task::spawn_blocking(move || {
                if let Err(error) = self.write_all_of(queue) {
                    course.end(error);
                }
            });
            if let Err(error) = written.await {
                ended.end(error);
            }
        });
        recorder
    }
}

impl<W: Write> RecordingFile<W> {
    fn begin(sink: W) -> io::Result<Self> {
        let mut sink = BufWriter::new(sink);
        sink.write_all(RECORDING_HEADER.as_bytes())?;
        sink.flush()?;
        Ok(Self {
            sink,
            states: BTreeMap::new(),
        })
    }

    /// Writes what waits, and hands it to the operating system as soon as nothing more does.
    fn write_all_of(mut self, mut queue: mpsc::Receiver<LiveRecord>) -> io::Result<()> {
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
        let bytes = postcard::to_stdvec(&self.written(record)).map_err(io::Error::other)?;
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.sink.write_all(&length.to_le_bytes())?;
        self.sink.write_all(&bytes)
    }

    fn written(&mut self, record: LiveRecord) -> RecordingEntry {
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
        let before = before.expect("a brain begins before it steps, and records keep their order");
        StateChange::between(&before, &state)
    }
}

/// The first of `path`, `path.2`, `path.3`, ... that does not exist yet.
fn created_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    let beside = |number: u32| {
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".{number}"));
        PathBuf::from(beside)
    };
    let places = std::iter::once(path.to_owned()).chain((2..NUMBER_MAX).map(beside));
    for place in places {
        match File::create_new(&place) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created.map(|file| (place, file)),
        }
    }
    Err(io::Error::other(format!("{NUMBER_MAX} recordings are there already")))
}

/// The most recordings of one name.
const NUMBER_MAX: u32 = 1_000;

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use emberkeep_core::assigner::{TargetEvent, TargetSettings};
    use emberkeep_core::target::TargetName;
    use emberkeep_core::time::Timestamp;
    use tempfile::TempDir;

    use super::*;

    fn recorder(queue_max: usize) -> (Recorder, mpsc::Receiver<LiveRecord>, Arc<Course>) {
        let (records, queue) = mpsc::channel(queue_max);
        let course = Arc::new(Course::default());
        (Recorder::new(records, Arc::clone(&course)), queue, course)
    }

    fn began(recorder: &Recorder) -> super::super::Witness {
        let target = TargetName::try_new("profiles").unwrap();
        let state = Arc::new(TargetState::new(TargetSettings::default()));
        recorder.witness(&target, &state, Timestamp::ZERO)
    }

    #[test]
    fn a_recording_is_never_written_over() {
        let place = TempDir::new().unwrap();
        let path = place.path().join("night");
        for expected in ["night", "night.2", "night.3"] {
            RecordingFile::create(&path).unwrap();
            let text = std::fs::read_to_string(place.path().join(expected)).unwrap();
            assert_eq!(text, RECORDING_HEADER);
        }
        let nowhere = RecordingFile::create(&place.path().join("no/folder/file")).unwrap_err();
        assert!(
            nowhere.is_bad_input() && nowhere.to_string().contains("no/folder/file"),
            "{nowhere}"
        );
    }

    #[test]
    fn a_full_queue_ends_the_recording_and_what_is_before_is_written() {
        let (recorder, queue, course) = recorder(1);
        let witness = began(&recorder);
        assert!(!course.has_ended.load(Ordering::Relaxed));
        drop(witness);
        assert!(course.has_ended.load(Ordering::Relaxed));
        drop(recorder);
        let mut written = Vec::new();
        RecordingFile::begin(&mut written).unwrap().write_all_of(queue).unwrap();
        let body = &written[RECORDING_HEADER.len()..];
        let length = u32::from_le_bytes(body[..4].try_into().unwrap());
        assert_eq!(body.len(), 4 + length as usize, "one whole record");
        let record: RecordingEntry = postcard::from_bytes(&body[4..]).unwrap();
        assert!(matches!(record, RecordingEntry::Began { brain: BrainId(0), .. }));
    }

    /// A disk that is full from the first byte on.
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
    fn a_full_disk_ends_the_recording_and_brains_go_on() {
        let (recorder, queue, _) = recorder(8);
        let witness = began(&recorder);
        let disk = FullDisk {
            room: RECORDING_HEADER.len(),
        };
        let failed = RecordingFile::begin(disk).unwrap().write_all_of(queue).unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::StorageFull);
        recorder.take(RecordingEntry::Stepped {
            brain: BrainId(0),
            event: TargetEvent::Woke,
            now: Timestamp::ZERO,
            proposal: None,
        });
        drop(witness);
    }
}
