//! Metrics of the warm store.

use emberkeep_core::slicelet::Ownership;
use emberkeep_runtime::target_registry::TargetRegistry;
use prometheus::{IntGauge, IntGaugeVec};

use crate::warm::WarmByRange;

/// Size of the warm store, in total and by slice. Clones share the gauges.
#[derive(Debug, Clone)]
pub(crate) struct WarmMetrics {
    pub(crate) bytes: IntGauge,
    pub(crate) keys: IntGauge,
    slice_bytes: IntGaugeVec,
    slice_keys: IntGaugeVec,
}

impl WarmMetrics {
    pub(super) fn new(of_target: &TargetRegistry<'_>) -> Self {
        Self {
            bytes: of_target.gauge("emberkeep_slicelet_warm_bytes", "Memory used by warm values, in bytes"),
            keys: of_target.gauge("emberkeep_slicelet_warm_keys", "Keys with a warm value"),
            slice_bytes: of_target.int_gauges(
                "emberkeep_slicelet_slice_warm_bytes",
                "Memory used by the warm values of each slice of this pod, in bytes",
                "slice",
            ),
            slice_keys: of_target.int_gauges(
                "emberkeep_slicelet_slice_warm_keys",
                "Keys with a warm value in each slice of this pod",
                "slice",
            ),
        }
    }

    /// Replaces the figures by slice with those of the slices in `ownership` of which the pod is a replica.
    pub(crate) fn show_slices(&self, ownership: &Ownership, warm: &WarmByRange) {
        self.slice_bytes.reset();
        self.slice_keys.reset();
        for (range, (slice, share)) in ownership.ranges().iter().enumerate() {
            if share.is_some() {
                let slice = slice.to_string();
                let (bytes, keys) = (warm.sizes[range] as i64, warm.key_counts[range] as i64);
                self.slice_bytes.with_label_values(&[&slice]).set(bytes);
                self.slice_keys.with_label_values(&[&slice]).set(keys);
            }
        }
    }
}
