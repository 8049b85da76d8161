//! Rolling updates: whether a draining pod is about to be replaced by another one.
//!
//! In a rolling update one pod after the other drains while a new one starts. If slices moved as soon as the old pod
//! drains, they would go to pods that have enough already, and from there to the new one: each key would move twice. A
//! draining pod can serve for a while, so its slices wait for the new pod, once a pod has joined while another one
//! drained. A pod that comes back under its own name does not count: it cannot join before the old one has gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::cluster::PodRecord;
use crate::pod::PodName;
use crate::time::Timestamp;

/// How long after the last replacement further ones are expected.
const EXPECTED_FOR: Duration = Duration::from_secs(10 * 60);

/// The draining pods, and whether draining pods are being replaced.
#[derive(Debug, Default)]
pub(super) struct RollingUpdateDetector {
    /// The pods that are draining or drained within the join grace, and since when.
    draining_since: BTreeMap<PodName, Timestamp>,
    /// When a pod joined last while another one was draining.
    replaced_at: Option<Timestamp>,
}

/// The draining pods whose slices wait for a replacement.
#[derive(Debug, Default)]
pub(super) struct DeferredDrains {
    pods: BTreeSet<PodName>,
    /// When the join grace of the first of them is over.
    pub(super) until: Option<Timestamp>,
}

impl DeferredDrains {
    pub(super) fn contains(&self, pod: &PodName) -> bool {
        self.pods.contains(pod)
    }
}

impl RollingUpdateDetector {
    /// Compares the registered pods before and after a change.
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
        let is_replacement = |name: &PodName| {
            let mut others = self.draining_since.iter().filter(|(other, _)| *other != name);
            others.any(|(_, since)| now.since(*since) <= grace)
        };
        if after
            .keys()
            .any(|name| !before.contains_key(name) && is_replacement(name))
        {
            self.replaced_at = Some(now);
        }
    }

    /// Whether a draining pod is likely to be replaced.
    pub(super) fn is_replacement_expected(&self, now: Timestamp) -> bool {
        self.replaced_at.is_some_and(|at| now.since(at) <= EXPECTED_FOR)
    }

    /// The draining pods whose slices wait, while `joined_count` pods have joined and own nothing yet: each of those
    /// replaces one draining pod, in the order in which they began to drain.
    pub(super) fn deferred(
        &self,
        is_draining: impl Fn(&PodName) -> bool,
        joined_count: usize,
        grace: Duration,
        now: Timestamp,
    ) -> DeferredDrains {
        if !self.is_replacement_expected(now) {
            return DeferredDrains::default();
        }
        let draining = self.draining_since.iter().filter(|(name, _)| is_draining(name));
        let mut draining: Vec<_> = draining.map(|(name, since)| (*since, name)).collect();
        draining.sort_unstable();
        let unpaired = draining.into_iter().skip(joined_count);
        let waiting: Vec<_> = unpaired.filter(|(since, _)| now < *since + grace).collect();
        DeferredDrains {
            until: waiting.first().map(|(since, _)| *since + grace),
            pods: waiting.into_iter().map(|(_, name)| name.clone()).collect(),
        }
    }
}
