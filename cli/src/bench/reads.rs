//! Reading objects through guards, and what came of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use emberkeep_slicelet::{Slicelet, Stats};
use futures::stream::{self, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::memory::MemoryWatch;
use super::value::is_value_of;

/// What came of many reads. The names of its fields are a promise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ReadsReport {
    pub(super) reads: u64,
    pub(super) from_memory: u64,
    /// Loaded from disk without asking the store.
    pub(super) from_disk: u64,
    /// Every request of the store, those that only ask whether an object has changed among them.
    pub(super) store_requests: u64,
    /// Those that only asked whether an object has changed.
    pub(super) store_checks: u64,
    pub(super) store_bytes: u64,
    pub(super) wrong: u64,
    pub(super) failed: u64,
    pub(super) seconds: f64,
    pub(super) rss_peak_bytes: u64,
    pub(super) rss_median_bytes: u64,
    pub(super) warm_bytes: u64,
    pub(super) warm_keys: u64,
}

impl ReadsReport {
    /// Reads that waited for another one to load the same object.
    pub(super) const fn joined(&self) -> u64 {
        let loaded = self.from_memory + self.from_disk + self.store_requests;
        self.reads.saturating_sub(loaded)
    }
}

/// What is read: objects of one size.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) slicelet: Slicelet,
    pub(super) keys: Vec<Arc<str>>,
    pub(super) size: u64,
    /// How many are read at a time.
    pub(super) width: usize,
    wrong: AtomicU64,
    failed: AtomicU64,
}

impl Reading {
    pub(super) fn new(slicelet: Slicelet, keys: Vec<Arc<str>>, size: u64, width: usize) -> Self {
        Self {
            slicelet,
            keys,
            size,
            width,
            wrong: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// Reads the objects of these numbers.
    pub(super) async fn of(&self, numbers: impl Iterator<Item = usize> + Send) -> ReadsReport {
        let (before, memory, began) = (self.slicelet.stats(), MemoryWatch::start(), Instant::now());
        let (wrong, failed) = (self.wrong.load(Relaxed), self.failed.load(Relaxed));
        stream::iter(numbers)
            .for_each_concurrent(self.width, async |number| self.read(&self.keys[number]).await)
            .await;
        let report = self.report(&before, &self.slicelet.stats(), began.elapsed(), memory.end());
        ReadsReport {
            wrong: report.wrong - wrong,
            failed: report.failed - failed,
            ..report
        }
    }

    async fn read(&self, key: &str) {
        let guard = match self.slicelet.own(key) {
            Ok(guard) => guard,
            Err(error) => return self.note(key, &error),
        };
        match guard.get().await {
            Ok(value) if is_value_of(key, self.size, &value) => {}
            Ok(_) => {
                tracing::error!(key, "wrong value");
                self.wrong.fetch_add(1, Relaxed);
            }
            Err(error) => self.note(key, &error),
        }
    }

    fn note(&self, key: &str, error: &dyn std::error::Error) {
        tracing::warn!(key, %error, "a read failed");
        self.failed.fetch_add(1, Relaxed);
    }

    fn report(&self, before: &Stats, after: &Stats, took: Duration, mut memory: Vec<u64>) -> ReadsReport {
        memory.sort_unstable();
        ReadsReport {
            reads: after.request_count - before.request_count,
            from_memory: after.hit_count - before.hit_count,
            from_disk: after.disk_hit_count - before.disk_hit_count,
            store_requests: after.store_read_count - before.store_read_count,
            store_checks: after.revalidation_count - before.revalidation_count,
            store_bytes: after.store_read_size.as_bytes() - before.store_read_size.as_bytes(),
            wrong: self.wrong.load(Relaxed),
            failed: self.failed.load(Relaxed),
            seconds: took.as_secs_f64(),
            rss_peak_bytes: memory.last().copied().unwrap_or(0),
            rss_median_bytes: memory.get(memory.len() / 2).copied().unwrap_or(0),
            warm_bytes: after.warm_size.as_bytes(),
            warm_keys: after.warm_key_count as u64,
        }
    }
}
