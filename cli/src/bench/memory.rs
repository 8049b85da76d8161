//! How much memory this process has, as the system sees it.

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
    let status = fs::read_to_string("/proc/self/status")
        .map_err(|error| Failure::failed(format!("cannot read /proc/self/status: {error}")))?;
    resident_of(&status).ok_or_else(|| Failure::failed("/proc/self/status has no VmRSS in kB"))
}

fn resident_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_understood() {
        assert_eq!(
            resident_of("Name:\tx\nVmRSS:\t    1024 kB\nThreads: 3\n"),
            Some(1 << 20)
        );
        assert_eq!(resident_of("Name:\tx\n"), None);
    }

    #[test]
    fn this_process_has_memory() {
        assert!(resident_bytes().unwrap() > 1 << 20);
        assert!(!MemoryWatch::start().end().is_empty());
    }
}
