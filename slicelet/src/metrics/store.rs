//! Metrics of object storage.

use std::time::Duration;

use emberkeep_runtime::labelled_registry::LabelledRegistry;
use prometheus::{Histogram, IntCounter, IntCounterVec};

/// The cause of a read from object storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadCause {
    /// A client requested an object of which the pod had no version.
    Miss,
    /// A client requested an object whose cached version had to be validated.
    Revalidate,
    /// The object was read ahead of any client request.
    Prefetch,
}

impl ReadCause {
    const ALL: [Self; 3] = [Self::Miss, Self::Revalidate, Self::Prefetch];

    const fn label(self) -> &'static str {
        match self {
            Self::Miss => "miss",
            Self::Revalidate => "revalidate",
            Self::Prefetch => "prefetch",
        }
    }
}

/// Reads and writes of object storage. Clones share the counters.
#[derive(Debug, Clone)]
pub(crate) struct StoreMetrics {
    reads: IntCounterVec,
    pub(crate) read_bytes: IntCounter,
    read_seconds: Histogram,
    pub(crate) writes: IntCounter,
    write_bytes: IntCounter,
    write_failures: IntCounter,
    write_seconds: Histogram,
    pub(crate) write_conflicts: IntCounter,
}

impl StoreMetrics {
    pub(super) fn new(of_target: &LabelledRegistry<'_>) -> Self {
        let reads = of_target.counters(
            "emberkeep_slicelet_store_reads_total",
            "Reads of object storage, by cause",
            "cause",
        );
        for cause in ReadCause::ALL {
            reads.with_label_values(&[cause.label()]);
        }
        let counter = |name, help| of_target.counter(name, help);
        Self {
            reads,
            read_bytes: counter(
                "emberkeep_slicelet_store_read_bytes_total",
                "Bytes read from object storage",
            ),
            read_seconds: of_target.histogram(
                "emberkeep_slicelet_store_read_seconds",
                "Duration of reads of object storage, without the wait for admission",
            ),
            writes: counter(
                "emberkeep_slicelet_store_writes_total",
                "Writes confirmed durable by object storage",
            ),
            write_bytes: counter(
                "emberkeep_slicelet_store_write_bytes_total",
                "Bytes of writes confirmed durable by object storage",
            ),
            write_failures: counter(
                "emberkeep_slicelet_store_write_failures_total",
                "Writes rejected by object storage or left with an unknown outcome",
            ),
            write_seconds: of_target.histogram(
                "emberkeep_slicelet_store_write_seconds",
                "Duration of writes to object storage, without the wait for admission",
            ),
            write_conflicts: counter(
                "emberkeep_slicelet_write_conflicts_total",
                "Conditional writes rejected because another pod had written the object",
            ),
        }
    }

    /// Records a finished read of `size` bytes.
    pub(crate) fn record_read(&self, cause: ReadCause, size: usize, took: Duration) {
        self.reads.with_label_values(&[cause.label()]).inc();
        self.read_bytes.inc_by(size as u64);
        self.read_seconds.observe(took.as_secs_f64());
    }

    /// Reads of all causes.
    pub(crate) fn read_count(&self) -> u64 {
        ReadCause::ALL.into_iter().map(|cause| self.reads_for(cause)).sum()
    }

    pub(crate) fn reads_for(&self, cause: ReadCause) -> u64 {
        self.reads.with_label_values(&[cause.label()]).get()
    }

    /// Records a finished write of `size` bytes.
    pub(crate) fn record_write(&self, size: usize, took: Duration, is_durable: bool) {
        self.write_seconds.observe(took.as_secs_f64());
        if is_durable {
            self.writes.inc();
            self.write_bytes.inc_by(size as u64);
        } else {
            self.write_failures.inc();
        }
    }
}
