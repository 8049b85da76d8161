//! Handoff: how a slice changes hands, step by step.
//!
//! ```text
//! queued --a place is free--> ordered --warm enough, or out of time--> warm --the balancer switches--> serving
//!                                                                       old owner: leaving --has lingered--> gone
//! ```
//!
//! The phases are in the assignment, and so are replicated: whoever leads next goes on from there. What is kept here is
//! how far each replica is within its phase, and is learned anew by a new leader.

use std::collections::{BTreeMap, BTreeSet};

use super::target_settings::HandoffSettings;
use crate::assignment::{Assignment, Phase};
use crate::keyspace::{Slice, SliceKey};
use crate::pod::{Incarnation, PodName};
use crate::time::Timestamp;
use crate::warmth::Warmth;

/// A replica, by the start of its slice and its pod.
type ReplicaKey = (SliceKey, PodName);

/// The replicas that are warming or leaving, and how far they are.
#[derive(Debug, Default)]
pub(super) struct Handoffs {
    warming: BTreeMap<ReplicaKey, Warming>,
    leaving_since: BTreeMap<ReplicaKey, Timestamp>,
}

#[derive(Debug)]
struct Warming {
    slice: Slice,
    /// The life of the pod that gets it ready: another one begins anew.
    incarnation: Incarnation,
    /// The pod that the state comes from.
    source: Option<PodName>,
    stage: WarmingStage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WarmingStage {
    /// Waits for a place.
    Queued,
    /// Its pod is to get it ready.
    Ordered { since: Timestamp },
    /// Its pod has said that it is ready.
    Warm,
}

/// How many slices get ready, by the pods that take and give them.
#[derive(Default)]
struct WarmingSlots {
    taken: BTreeMap<PodName, u32>,
    given: BTreeMap<PodName, u32>,
    total: u32,
}

impl Handoffs {
    /// Takes in a new assignment.
    pub(super) fn observe(&mut self, assignment: &Assignment, now: Timestamp) {
        let mut warming = std::mem::take(&mut self.warming);
        let mut leaving_since = std::mem::take(&mut self.leaving_since);
        for (slice, state) in assignment.slices().iter() {
            for replica in state.replicas.iter() {
                let pod = assignment.pod(replica.pod);
                let key = || (slice.start().clone(), pod.name.clone());
                match replica.phase {
                    Phase::Warming => {
                        let is_same = |known: &Warming| known.slice == slice && known.incarnation == pod.incarnation;
                        let known = warming.remove(&key()).filter(is_same);
                        let source = state.replicas.source();
                        let next = Warming {
                            slice: slice.clone(),
                            incarnation: pod.incarnation,
                            source: source.map(|pod| assignment.pod(pod).name.clone()),
                            stage: known.map_or(WarmingStage::Queued, |known| known.stage),
                        };
                        self.warming.insert(key(), next);
                    }
                    Phase::Leaving => {
                        let since = leaving_since.remove(&key()).unwrap_or(now);
                        self.leaving_since.insert(key(), since);
                    }
                    Phase::Serving | Phase::Yielding => {}
                }
            }
        }
    }

    /// A pod said how far it is with the slices that it gets ready.
    pub(super) fn warmed(&mut self, pod: &PodName, slices: &[(Slice, Warmth)], settings: &HandoffSettings) -> bool {
        let mut has_changed = false;
        for (slice, warmth) in slices {
            let found = self.warming.get_mut(&(slice.start().clone(), pod.clone()));
            let Some(warming) = found.filter(|warming| warming.slice == *slice) else {
                continue;
            };
            if warmth.is_enough(settings.warm_share_thousandths) {
                has_changed |= warming.stage != WarmingStage::Warm;
                warming.stage = WarmingStage::Warm;
            }
        }
        has_changed
    }

    /// Gives the free places to slices that wait for one, in key order; `may_warm` says whether a pod can be told to. A
    /// slice has its place until it is warm or out of time.
    pub(super) fn admit(&mut self, settings: &HandoffSettings, may_warm: impl Fn(&PodName) -> bool, now: Timestamp) {
        let mut places = WarmingSlots::default();
        for ((_, pod), warming) in &self.warming {
            if let WarmingStage::Ordered { since } = warming.stage
                && now < since + settings.warm_timeout
            {
                places.take(pod, warming.source.as_ref());
            }
        }
        for ((_, pod), warming) in &mut self.warming {
            let Warming { source, stage, .. } = warming;
            if *stage == WarmingStage::Queued && may_warm(pod) && places.have_room(pod, source.as_ref(), settings) {
                *stage = WarmingStage::Ordered { since: now };
                places.take(pod, source.as_ref());
            }
        }
    }

    /// The slices that each pod is to get ready now, in key order. What is warm already stays among them: the rest of its
    /// state may still be on its way.
    pub(super) fn orders(&self) -> BTreeMap<&PodName, Vec<Slice>> {
        let mut orders: BTreeMap<&PodName, Vec<Slice>> = BTreeMap::new();
        for ((_, pod), warming) in self
            .warming
            .iter()
            .filter(|(_, warming)| warming.stage != WarmingStage::Queued)
        {
            orders.entry(pod).or_default().push(warming.slice.clone());
        }
        orders
    }

    /// The replicas that may serve: those that are ready, and those that have had their time. A pod that is not heard of
    /// gets nothing to serve before it is known whether it is alive.
    pub(super) fn warm(
        &self,
        settings: &HandoffSettings,
        is_heard: impl Fn(&PodName) -> bool,
        now: Timestamp,
    ) -> BTreeSet<ReplicaKey> {
        let is_warm = |((_, pod), warming): &(&ReplicaKey, &Warming)| {
            let has_had_enough = match warming.stage {
                WarmingStage::Queued => false,
                WarmingStage::Ordered { since } => now >= since + settings.warm_timeout,
                WarmingStage::Warm => true,
            };
            has_had_enough && is_heard(pod)
        };
        self.warming
            .iter()
            .filter(is_warm)
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// The leaving replicas that have lingered long enough.
    pub(super) fn left(&self, settings: &HandoffSettings, now: Timestamp) -> BTreeSet<ReplicaKey> {
        let has_left = |(_, since): &(&ReplicaKey, &Timestamp)| now >= **since + settings.leave_linger;
        self.leaving_since
            .iter()
            .filter(has_left)
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// When the next replica will have had its time.
    pub(super) fn wake_at(&self, settings: &HandoffSettings, now: Timestamp) -> Timestamp {
        let leaving = self.leaving_since.values().map(|since| *since + settings.leave_linger);
        let warming = self.warming.values().filter_map(|warming| match warming.stage {
            WarmingStage::Ordered { since } => Some(since + settings.warm_timeout),
            WarmingStage::Queued | WarmingStage::Warm => None,
        });
        let ends = leaving.chain(warming);
        ends.filter(|end| *end > now).min().unwrap_or(Timestamp::NEVER)
    }
}

impl WarmingSlots {
    fn take(&mut self, to: &PodName, from: Option<&PodName>) {
        *self.taken.entry(to.clone()).or_default() += 1;
        if let Some(from) = from {
            *self.given.entry(from.clone()).or_default() += 1;
        }
        self.total += 1;
    }

    fn have_room(&self, to: &PodName, from: Option<&PodName>, settings: &HandoffSettings) -> bool {
        let count = |counts: &BTreeMap<PodName, u32>, pod: &PodName| counts.get(pod).copied().unwrap_or(0);
        self.total < settings.warming_max
            && count(&self.taken, to) < settings.warming_per_pod_max
            && from.is_none_or(|from| count(&self.given, from) < settings.warming_per_pod_max)
    }
}
