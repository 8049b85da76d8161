//! Metrics of warm transfers between pods.

use emberkeep_runtime::labelled_registry::LabelledRegistry;
use prometheus::{Histogram, HistogramTimer, IntCounter, IntCounterVec, IntGauge};

/// How the pull of a slice's values from another pod ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PullEnd {
    /// The source sent all values over one stream.
    Complete,
    /// The source sent all values over several streams, each resuming the one before.
    Resumed,
    /// The source failed after its manifest; the remaining values were read from object storage.
    FromStore,
    /// The source failed before its manifest was complete, so no values were pulled.
    Nothing,
}

impl PullEnd {
    const ALL: [Self; 4] = [Self::Complete, Self::Resumed, Self::FromStore, Self::Nothing];

    const fn label(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Resumed => "resumed",
            Self::FromStore => "from_store",
            Self::Nothing => "nothing",
        }
    }
}

/// Warm transfers in both directions. Clones share the metrics.
#[derive(Debug, Clone)]
pub(crate) struct TransferMetrics {
    pub(crate) sent: TransferCounters,
    pub(crate) received: TransferCounters,
    pub(crate) sending: IntGauge,
    pub(crate) receiving: IntGauge,
    pull_seconds: Histogram,
    pulls: IntCounterVec,
}

/// Values and bytes transferred in one direction. Clones share the counters.
#[derive(Debug, Clone)]
pub(crate) struct TransferCounters {
    values: IntCounter,
    bytes: IntCounter,
}

impl TransferMetrics {
    pub(super) fn new(of_target: &LabelledRegistry<'_>) -> Self {
        let (counter, gauge) = (
            |name, help| of_target.counter(name, help),
            |name, help| of_target.gauge(name, help),
        );
        let pulls = of_target.counters(
            "emberkeep_slicelet_pulls_total",
            "Slices whose warm values were pulled from another pod, by how the pull ended",
            "end",
        );
        for end in PullEnd::ALL {
            pulls.with_label_values(&[end.label()]);
        }
        Self {
            sent: TransferCounters {
                values: counter("emberkeep_slicelet_sent_values_total", "Warm values sent to other pods"),
                bytes: counter(
                    "emberkeep_slicelet_sent_bytes_total",
                    "Bytes of objects sent to other pods, before compression",
                ),
            },
            received: TransferCounters {
                values: counter(
                    "emberkeep_slicelet_received_values_total",
                    "Warm values received from other pods",
                ),
                bytes: counter(
                    "emberkeep_slicelet_received_bytes_total",
                    "Bytes of objects received from other pods, before compression",
                ),
            },
            sending: gauge(
                "emberkeep_slicelet_sending_transfers",
                "Slices being sent to other pods",
            ),
            receiving: gauge(
                "emberkeep_slicelet_receiving_transfers",
                "Slices being pulled from other pods",
            ),
            pull_seconds: of_target.histogram(
                "emberkeep_slicelet_pull_seconds",
                "Duration of pulls of a slice's warm values from another pod, with the reads of the rest",
            ),
            pulls,
        }
    }

    /// Times a pull until the timer is dropped.
    pub(crate) fn time_pull(&self) -> HistogramTimer {
        self.pull_seconds.start_timer()
    }

    pub(crate) fn record_pull(&self, end: PullEnd) {
        self.pulls.with_label_values(&[end.label()]).inc();
    }
}

impl TransferCounters {
    /// Records the transfer of one value of `size` bytes.
    pub(crate) fn record(&self, size: usize) {
        self.values.inc();
        self.bytes.inc_by(size as u64);
    }
}
