//! Metrics of the warm store.

use std::cmp::Reverse;

use emberkeep_core::slicelet::Ownership;
use emberkeep_runtime::labelled_registry::LabelledRegistry;
use prometheus::{IntGauge, IntGaugeVec};

use crate::warm::WarmByRange;

/// The most slices with series of their own: a pod may have thousands, and their bounds change.
const SHOWN_SLICES_MAX: usize = 10;

/// Size of the warm store, in total and by slice. Clones share the gauges.
#[derive(Debug, Clone)]
pub(crate) struct WarmMetrics {
    pub(crate) bytes: IntGauge,
    pub(crate) keys: IntGauge,
    slice_bytes: IntGaugeVec,
    slice_keys: IntGaugeVec,
}

impl WarmMetrics {
    pub(super) fn new(of_target: &LabelledRegistry<'_>) -> Self {
        Self {
            bytes: of_target.gauge("emberkeep_slicelet_warm_bytes", "Memory used by warm values, in bytes"),
            keys: of_target.gauge("emberkeep_slicelet_warm_keys", "Keys with a warm value"),
            slice_bytes: of_target.int_gauges(
                "emberkeep_slicelet_slice_warm_bytes",
                "Memory used by the warm values of the ten largest slices of this pod, in bytes",
                "slice",
            ),
            slice_keys: of_target.int_gauges(
                "emberkeep_slicelet_slice_warm_keys",
                "Keys with a warm value in the ten largest slices of this pod",
                "slice",
            ),
        }
    }

    /// Replaces the figures by slice with those of the largest slices in `ownership` of which the pod is a replica.
    pub(crate) fn show_slices(&self, ownership: &Ownership, warm: &WarmByRange) {
        self.slice_bytes.reset();
        self.slice_keys.reset();
        let ranges = ownership.ranges().iter().enumerate();
        let shares = ranges.filter(|(_, (_, share))| share.is_some());
        let mut slices: Vec<_> = shares.map(|(range, (slice, _))| (range, slice)).collect();
        slices.sort_by_key(|(range, _)| Reverse(warm.sizes[*range]));
        for (range, slice) in slices.into_iter().take(SHOWN_SLICES_MAX) {
            let slice = slice.to_string();
            let (bytes, keys) = (warm.sizes[range] as i64, warm.key_counts[range] as i64);
            self.slice_bytes.with_label_values(&[&slice]).set(bytes);
            self.slice_keys.with_label_values(&[&slice]).set(keys);
        }
    }
}
