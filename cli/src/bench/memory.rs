//! How much memory a process has, as the system sees it.

use std::fs;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::exit::Failure;

const SAMPLE_INTERVAL: Duration = Duration::from_millis(100);

/// Samples the memory of this process until it is dropped.
#[derive(Debug)]
pub(super) struct MemoryWatch {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<Vec<u64>>,
}

impl MemoryWatch {
    pub(super) fn start() -> Self {
        let (stop, stopped) = mpsc::channel();
        // A thread of its own, so that a busy runtime does not hide the peak.
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

    /// The samples, in bytes, in order.
    pub(super) fn end(self) -> Vec<u64> {
        drop(self.stop);
        self.thread.join().unwrap_or_default()
    }
}

/// The memory that this process has now (VmRSS).
pub(super) fn resident_bytes() -> Result<u64, Failure> {
    Ok(Memory::of("self")?.resident_bytes)
}

/// The memory of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    /// What it has now (VmRSS).
    pub(super) resident_bytes: u64,
    /// The most that it had (VmHWM).
    pub(super) peak_bytes: u64,
}

impl Memory {
    /// Of the process of that number.
    pub(super) fn of_process(process: u32) -> Result<Self, Failure> {
        Self::of(&process.to_string())
    }

    fn of(process: &str) -> Result<Self, Failure> {
        let path = format!("/proc/{process}/status");
        let status =
            fs::read_to_string(&path).map_err(|error| Failure::failed(format!("cannot read {path}: {error}")))?;
        Self::parsed(&status).ok_or_else(|| Failure::failed(format!("{path} has no VmRSS and VmHWM in kB")))
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

/// From now on, the peak of that process is the most that it has from now on.
pub(super) fn forget_peak(process: u32) -> Result<(), Failure> {
    let path = format!("/proc/{process}/clear_refs");
    // The number stands in proc_pid_clear_refs(5).
    fs::write(&path, "5").map_err(|error| Failure::failed(format!("cannot write {path}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_understood() {
        let memory = Memory {
            resident_bytes: 1 << 20,
            peak_bytes: 2 << 20,
        };
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads: 3\n";
        assert_eq!(Memory::parsed(status), Some(memory));
        assert_eq!(Memory::parsed("Name:\tx\nVmRSS:\t    1024 kB\n"), None);
    }

    #[test]
    fn this_process_has_memory() {
        assert!(resident_bytes().unwrap() > 1 << 20);
        assert!(!MemoryWatch::start().end().is_empty());
    }
}
