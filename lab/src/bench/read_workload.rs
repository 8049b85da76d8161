//! Reads objects through guards and reports the figures.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use emberkeep_slicelet::{Slicelet, Stats};
use futures::stream::{self, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::object::is_value_of;
use super::process_memory::MemorySampler;

/// The figures of many reads. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadsReport {
    /// Objects read, failed reads included.
    pub reads: u64,
    /// Reads answered from warm memory, without a request to the store.
    pub from_memory: u64,
    /// Loaded from the disk tier without a request to the store.
    pub from_disk: u64,
    /// Requests to the store, conditional reads included.
    pub store_requests: u64,
    /// Conditional reads that found the object unchanged.
    pub store_checks: u64,
    /// Bytes of objects that the store returned.
    pub store_bytes: u64,
    /// Reads whose value differs from the bytes that were written for the key.
    pub wrong: u64,
    /// Reads that ended with an error.
    pub failed: u64,
    /// The duration of all reads together.
    pub seconds: f64,
    /// The highest sample of resident memory during the reads.
    pub rss_peak_bytes: u64,
    /// The median of the samples of resident memory.
    pub rss_median_bytes: u64,
    /// The size of the values in warm memory after the reads.
    pub warm_bytes: u64,
    /// The number of values in warm memory after the reads.
    pub warm_keys: u64,
}

impl ReadsReport {
    /// Reads that waited for another read to load the same object.
    pub(super) const fn joined(&self) -> u64 {
        let loaded = self.from_memory + self.from_disk + self.store_requests;
        self.reads.saturating_sub(loaded)
    }
}

/// Objects of one size, to be read.
#[derive(Debug)]
pub(super) struct ReadWorkload {
    pub(super) slicelet: Slicelet,
    pub(super) keys: Vec<Arc<str>>,
    pub(super) size: u64,
    /// The number of concurrent reads.
    pub(super) width: usize,
    wrong: AtomicU64,
    failed: AtomicU64,
}

impl ReadWorkload {
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

    /// Reads the objects of these indices.
    pub(super) async fn read_all(&self, numbers: impl Iterator<Item = usize> + Send) -> ReadsReport {
        let (before, memory, began) = (self.slicelet.stats(), MemorySampler::start(), Instant::now());
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
            Err(error) => return self.record_failure(key, &error),
        };
        match guard.get().await {
            Ok(value) if is_value_of(key, self.size, &value) => {}
            Ok(_) => {
                tracing::error!(key, "wrong value");
                self.wrong.fetch_add(1, Relaxed);
            }
            Err(error) => self.record_failure(key, &error),
        }
    }

    fn record_failure(&self, key: &str, error: &dyn std::error::Error) {
        tracing::warn!(key, %error, "read failed");
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
