//! The resident memory of a process, as reported by Linux.

use std::fs;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::LabError;

const SAMPLE_INTERVAL: Duration = Duration::from_millis(100);

/// Samples the resident memory of this process until stopped.
#[derive(Debug)]
pub(super) struct MemorySampler {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<Vec<u64>>,
}

impl MemorySampler {
    pub(super) fn start() -> Self {
        let (stop, stopped) = mpsc::channel();
        // A thread of its own: on a busy runtime, a task could miss the peak.
        let thread = thread::spawn(move || {
            let mut samples = Vec::new();
            loop {
                samples.extend(resident_bytes().ok());
                if stopped.recv_timeout(SAMPLE_INTERVAL) != Err(RecvTimeoutError::Timeout) {
                    return samples;
                }
            }
        });
        Self { stop, thread }
    }

    /// Stops sampling and returns the samples in bytes, in order.
    pub(super) fn end(self) -> Vec<u64> {
        drop(self.stop);
        self.thread.join().unwrap_or_default()
    }
}

/// The resident memory of this process now (VmRSS).
pub(super) fn resident_bytes() -> Result<u64, LabError> {
    Ok(ProcessMemory::of("self")?.resident_bytes)
}

/// The resident memory of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProcessMemory {
    /// The present resident memory (VmRSS).
    pub(super) resident_bytes: u64,
    /// The peak since the start or the last reset (VmHWM).
    pub(super) peak_bytes: u64,
}

impl ProcessMemory {
    /// The memory of the process with this id.
    pub(super) fn of_process(process: u32) -> Result<Self, LabError> {
        Self::of(&process.to_string())
    }

    fn of(process: &str) -> Result<Self, LabError> {
        let path = format!("/proc/{process}/status");
        let status =
            fs::read_to_string(&path).map_err(|error| LabError::failed(format!("cannot read {path}: {error}")))?;
        Self::parsed(&status).ok_or_else(|| LabError::failed(format!("{path} has no VmRSS and VmHWM in kB")))
    }

    fn parsed(status: &str) -> Option<Self> {
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
            Some(kib << 10)
        };
        Some(Self {
            resident_bytes: bytes("VmRSS:")?,
            peak_bytes: bytes("VmHWM:")?,
        })
    }
}

/// Resets the peak of a process to its present memory.
pub(super) fn reset_peak(process: u32) -> Result<(), LabError> {
    let path = format!("/proc/{process}/clear_refs");
    // See proc_pid_clear_refs(5).
    fs::write(&path, "5").map_err(|error| LabError::failed(format!("cannot write {path}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_process_is_parsed() {
        let memory = ProcessMemory {
            resident_bytes: 1 << 20,
            peak_bytes: 2 << 20,
        };
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads: 3\n";
        assert_eq!(ProcessMemory::parsed(status), Some(memory));
        assert_eq!(ProcessMemory::parsed("Name:\tx\nVmRSS:\t    1024 kB\n"), None);
    }

    #[test]
    fn this_process_has_memory() {
        assert!(resident_bytes().unwrap() > 1 << 20);
        assert!(!MemorySampler::start().end().is_empty());
    }
}
