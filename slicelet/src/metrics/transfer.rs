//! What moves between pods.

use prometheus::{IntCounter, IntCounterVec, IntGauge};

use super::Named;

/// How a pull of a slice's values from another pod ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PullEnd {
    /// The other pod sent all it had, over one stream.
    Complete,
    /// It did over several.
    Resumed,
    /// It did not, and the rest was read from object storage.
    FromStore,
    /// It did not even say what it had.
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

/// What moves between pods. Copies count into the same.
#[derive(Debug, Clone)]
pub(crate) struct TransferMetrics {
    pub(crate) sent: Moved,
    pub(crate) received: Moved,
    pub(crate) sending: IntGauge,
    pub(crate) receiving: IntGauge,
    pulls: IntCounterVec,
}

/// Values that were moved. Copies count into the same.
#[derive(Debug, Clone)]
pub(crate) struct Moved {
    values: IntCounter,
    bytes: IntCounter,
}

/// Counts as running until it is dropped.
#[derive(Debug)]
pub(crate) struct Running(IntGauge);

impl TransferMetrics {
    pub(super) fn new(named: &Named<'_>) -> Self {
        let (counter, gauge) = (
            |name, help| named.counter(name, help),
            |name, help| named.gauge(name, help),
        );
        let pulls = named.counters(
            "emberkeep_slicelet_pulls_total",
            "Slices whose values were pulled from another pod, by how that ended",
            "end",
        );
        for end in PullEnd::ALL {
            pulls.with_label_values(&[end.label()]);
        }
        Self {
            sent: Moved {
                values: counter("emberkeep_slicelet_sent_values_total", "Warm values sent to other pods"),
                bytes: counter(
                    "emberkeep_slicelet_sent_bytes_total",
                    "Bytes of objects sent to other pods, before compression",
                ),
            },
            received: Moved {
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
            pulls,
        }
    }

    /// A pull has ended.
    pub(crate) fn pulled(&self, end: PullEnd) {
        self.pulls.with_label_values(&[end.label()]).inc();
    }
}

impl Moved {
    /// A value of that size was moved.
    pub(crate) fn count(&self, size: usize) {
        self.values.inc();
        self.bytes.inc_by(size as u64);
    }
}

impl Running {
    pub(crate) fn start(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.dec();
    }
}
