//! A gauge with one series for each pod, which goes with the pod.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use emberkeep_core::pod::PodName;
use emberkeep_core::target::TargetName;
use prometheus::GaugeVec;

/// A gauge with the labels `target` and `pod`. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct PodGauges {
    gauge: GaugeVec,
    /// The pods of each target that [`PodGauges::replace`] has set last.
    present: Arc<Mutex<BTreeMap<TargetName, BTreeSet<PodName>>>>,
}

impl PodGauges {
    pub(super) fn new(gauge: GaugeVec) -> Self {
        Self {
            gauge,
            present: Arc::default(),
        }
    }

    pub(super) fn set(&self, target: &TargetName, pod: &PodName, value: f64) {
        self.gauge
            .with_label_values(&[target.as_str(), pod.as_str()])
            .set(value);
    }

    pub(super) fn remove(&self, target: &TargetName, pod: &PodName) {
        // Fails only for a pod without a series.
        let _ = self.gauge.remove_label_values(&[target.as_str(), pod.as_str()]);
    }

    /// Sets the values of all pods of the target, and removes the series of all others.
    pub(super) fn replace<'a>(&self, target: &TargetName, values: impl Iterator<Item = (&'a PodName, f64)>) {
        let mut next = BTreeSet::new();
        for (pod, value) in values {
            self.set(target, pod, value);
            next.insert(pod.clone());
        }
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        let before = present.insert(target.clone(), next.clone()).unwrap_or_default();
        for gone in before.difference(&next) {
            self.remove(target, gone);
        }
    }

    /// Removes the series of all pods of all targets.
    pub(super) fn clear(&self) {
        self.gauge.reset();
        self.present.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
