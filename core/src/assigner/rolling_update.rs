//! Replacement: whether a pod that drains is about to be replaced by another one.
//!
//! In a rolling update one pod after the other drains while a new one starts. Slices that move the moment the old pod
//! drains go to pods that have enough already, and from there to the new one: each key moves twice. A pod that drains
//! can serve for a while yet, so its slices wait for the new pod, once it has been seen that one comes. A pod that
//! comes back under its own name is no such one: it cannot come before the old one has gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::cluster::PodRecord;
use crate::pod::PodName;
use crate::time::Timestamp;

/// For so long what was seen says what to expect.
const MEMORY: Duration = Duration::from_secs(10 * 60);

/// The pods that drain, and whether such pods are being replaced.
#[derive(Debug, Default)]
pub(super) struct RollingUpdateDetector {
    /// The pods that drain or have drained lately, and since when.
    draining_since: BTreeMap<PodName, Timestamp>,
    /// When a pod joined last while another one was draining.
    seen_at: Option<Timestamp>,
}

/// The pods whose slices wait for another pod.
#[derive(Debug, Default)]
pub(super) struct DeferredDrains {
    pods: BTreeSet<PodName>,
    /// When the first of them has waited long enough.
    pub(super) until: Option<Timestamp>,
}

impl DeferredDrains {
    pub(super) fn contains(&self, pod: &PodName) -> bool {
        self.pods.contains(pod)
    }
}

impl RollingUpdateDetector {
    /// Takes in which pods are registered now.
    pub(super) fn observe(
        &mut self,
        before: &BTreeMap<PodName, PodRecord>,
        after: &BTreeMap<PodName, PodRecord>,
        grace: Duration,
        now: Timestamp,
    ) {
        self.draining_since.retain(|name, since| {
            let drains = after.get(name).is_some_and(|record| record.is_draining);
            drains || now.since(*since) <= grace
        });
        for name in after
            .values()
            .filter(|record| record.is_draining)
            .map(|record| &record.pod.name)
        {
            self.draining_since.entry(name.clone()).or_insert(now);
        }
        let has_drained_lately = |name: &PodName| {
            let mut others = self.draining_since.iter().filter(|(other, _)| *other != name);
            others.any(|(_, since)| now.since(*since) <= grace)
        };
        if after
            .keys()
            .any(|name| !before.contains_key(name) && has_drained_lately(name))
        {
            self.seen_at = Some(now);
        }
    }

    /// Whether a pod that drains is likely to be replaced.
    pub(super) fn is_expected(&self, now: Timestamp) -> bool {
        self.seen_at.is_some_and(|at| now.since(at) <= MEMORY)
    }

    /// Which pods wait while `joined_count` pods have joined and own nothing yet: each of those takes the place of one,
    /// those that began to drain first before others.
    pub(super) fn waiting(
        &self,
        drains: impl Fn(&PodName) -> bool,
        joined_count: usize,
        grace: Duration,
        now: Timestamp,
    ) -> DeferredDrains {
        if !self.is_expected(now) {
            return DeferredDrains::default();
        }
        let draining = self.draining_since.iter().filter(|(name, _)| drains(name));
        let mut draining: Vec<_> = draining.map(|(name, since)| (*since, name)).collect();
        draining.sort_unstable();
        let unpaired = draining.into_iter().skip(joined_count);
        let patient: Vec<_> = unpaired.filter(|(since, _)| now < *since + grace).collect();
        DeferredDrains {
            until: patient.first().map(|(since, _)| *since + grace),
            pods: patient.into_iter().map(|(_, name)| name.clone()).collect(),
        }
    }
}
