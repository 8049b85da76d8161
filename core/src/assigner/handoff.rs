//! Handoffs: how a slice moves from its old owner to its new one, step by step.
//!
//! ```text
//! new owner: Queued --slot free--> Ordered --warm enough, or timeout--> Warm --balancer switches--> serving
//! old owner: yielding -----------------------------------------------------> leaving --lingered--> gone
//! ```
//!
//! The phases (warming, serving, yielding, leaving) are part of the assignment and so are replicated: a new leader
//! continues from there. The stage of each warming replica is known to this leader alone; a new leader learns it from the
//! next heartbeats.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use super::target_settings::HandoffSettings;
use crate::assignment::{Assignment, Phase};
use crate::keyspace::{Slice, SliceKey};
use crate::pod::{Incarnation, PodName};
use crate::quantity_text::{Percentage, ReadableDuration};
use crate::time::Timestamp;
use crate::warmth::Warmth;

/// A replica, by the start of its slice and its pod.
type ReplicaKey = (SliceKey, PodName);

/// The warming and leaving replicas of a target, with their progress.
#[derive(Debug, Default)]
pub(super) struct Handoffs {
    warming: BTreeMap<ReplicaKey, Warming>,
    leaving_since: BTreeMap<ReplicaKey, Timestamp>,
}

#[derive(Debug)]
struct Warming {
    slice: Slice,
    /// The incarnation of the new owner; a later one starts again from [`WarmingStage::Queued`].
    incarnation: Incarnation,
    /// The pod that the state is transferred from.
    source: Option<PodName>,
    stage: WarmingStage,
    /// As of its pod's last heartbeat, in thousandths.
    heat_share_thousandths: u32,
}

/// The progress of a warming replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarmingProgress {
    /// The pod that the state is transferred from; `None` if it comes from object storage.
    pub source: Option<PodName>,
    /// Whether it waits for a slot, because each pod warms a few slices at a time.
    pub is_queued: bool,
    /// The share of the old owner's heat that it holds, in thousandths, as of its last heartbeat.
    pub heat_share_thousandths: u32,
    /// How much longer it may warm before it serves anyway; `None` while it is queued, and once it is warm.
    pub remaining: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WarmingStage {
    /// Waits for a slot.
    Queued,
    /// Its pod is ordered to warm it up.
    Ordered { since: Timestamp },
    /// Its pod has reported that it is warm enough.
    Warm,
}

/// The ordered slices that are not warm yet, by receiving and by sending pod.
#[derive(Default)]
struct WarmingSlots {
    received: BTreeMap<PodName, u32>,
    sent: BTreeMap<PodName, u32>,
    total: u32,
}

impl Handoffs {
    /// Synchronizes with a new assignment: adds replicas that began to warm or leave, and drops finished handoffs.
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
                            stage: known.as_ref().map_or(WarmingStage::Queued, |known| known.stage),
                            heat_share_thousandths: known.map_or(0, |known| known.heat_share_thousandths),
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

    /// Records the warmth that a pod reports of its warming slices; returns whether one has become warm enough.
    pub(super) fn on_warmth_report(
        &mut self,
        pod: &PodName,
        slices: &[(Slice, Warmth)],
        settings: &HandoffSettings,
    ) -> bool {
        let mut has_changed = false;
        for (slice, warmth) in slices {
            let found = self.warming.get_mut(&(slice.start().clone(), pod.clone()));
            let Some(warming) = found.filter(|warming| warming.slice == *slice) else {
                continue;
            };
            warming.heat_share_thousandths = match warmth.is_complete {
                true => Warmth::WHOLE,
                false => warmth.heat_share_thousandths,
            };
            if warmth.is_enough(settings.warm_share_thousandths) {
                has_changed |= warming.stage != WarmingStage::Warm;
                // ## Queued, Ordered -> Warm: its pod reports that it is warm enough
                warming.stage = WarmingStage::Warm;
            }
        }
        has_changed
    }

    /// Gives free slots to queued slices, in key order, whose pod may be ordered to warm them (`may_warm`). A slice keeps
    /// its slot until it is warm or `warm_timeout` is over.
    pub(super) fn admit(&mut self, settings: &HandoffSettings, may_warm: impl Fn(&PodName) -> bool, now: Timestamp) {
        let mut slots = WarmingSlots::default();
        for ((_, pod), warming) in &self.warming {
            if let WarmingStage::Ordered { since } = warming.stage
                && now < since + settings.warm_timeout
            {
                slots.occupy(pod, warming.source.as_ref());
            }
        }
        for ((_, pod), warming) in &mut self.warming {
            let Warming { source, stage, .. } = warming;
            if *stage == WarmingStage::Queued && may_warm(pod) && slots.has_free(pod, source.as_ref(), settings) {
                // ## Queued -> Ordered: a slot is free
                *stage = WarmingStage::Ordered { since: now };
                slots.occupy(pod, source.as_ref());
            }
        }
    }

    /// The slices that each pod is ordered to warm up, in key order. Slices that are warm enough stay among them: the rest
    /// of their state may still be in transfer.
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

    /// The progress of all warming replicas.
    pub(super) fn progress(&self, settings: &HandoffSettings, now: Timestamp) -> BTreeMap<ReplicaKey, WarmingProgress> {
        let progress = |warming: &Warming| WarmingProgress {
            source: warming.source.clone(),
            is_queued: warming.stage == WarmingStage::Queued,
            heat_share_thousandths: warming.heat_share_thousandths,
            remaining: match warming.stage {
                WarmingStage::Queued | WarmingStage::Warm => None,
                WarmingStage::Ordered { since } => Some((since + settings.warm_timeout).since(now)),
            },
        };
        let warming = self.warming.iter();
        warming.map(|(key, warming)| (key.clone(), progress(warming))).collect()
    }

    /// The warming replicas that may serve: warm enough or past `warm_timeout`, at a pod that is alive. A slice does not
    /// switch to a suspect.
    pub(super) fn warm(
        &self,
        settings: &HandoffSettings,
        is_alive: impl Fn(&PodName) -> bool,
        now: Timestamp,
    ) -> BTreeSet<ReplicaKey> {
        let may_serve = |((_, pod), warming): &(&ReplicaKey, &Warming)| {
            let is_done = match warming.stage {
                WarmingStage::Queued => false,
                WarmingStage::Ordered { since } => now >= since + settings.warm_timeout,
                WarmingStage::Warm => true,
            };
            is_done && is_alive(pod)
        };
        self.warming
            .iter()
            .filter(may_serve)
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// The leaving replicas that have lingered for `leave_linger`.
    pub(super) fn lingered(&self, settings: &HandoffSettings, now: Timestamp) -> BTreeSet<ReplicaKey> {
        let has_lingered = |(_, since): &(&ReplicaKey, &Timestamp)| now >= **since + settings.leave_linger;
        self.leaving_since
            .iter()
            .filter(has_lingered)
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// When the next `warm_timeout` or `leave_linger` is over.
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

impl fmt::Display for WarmingProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_queued {
            return f.write_str("it waits for a slot, since each pod warms a few slices at a time");
        }
        write!(f, "{} warm", Percentage(self.heat_share_thousandths.into()))?;
        match &self.source {
            Some(source) => write!(f, ", from {source}")?,
            None => f.write_str(", from object storage")?,
        }
        match self.remaining {
            Some(remaining) => write!(f, ", serves in {} at the latest", ReadableDuration(remaining)),
            None => f.write_str(", ready to serve"),
        }
    }
}

impl WarmingSlots {
    fn occupy(&mut self, to: &PodName, from: Option<&PodName>) {
        *self.received.entry(to.clone()).or_default() += 1;
        if let Some(from) = from {
            *self.sent.entry(from.clone()).or_default() += 1;
        }
        self.total += 1;
    }

    fn has_free(&self, to: &PodName, from: Option<&PodName>, settings: &HandoffSettings) -> bool {
        let count = |counts: &BTreeMap<PodName, u32>, pod: &PodName| counts.get(pod).copied().unwrap_or(0);
        self.total < settings.warming_max
            && count(&self.received, to) < settings.warming_per_pod_max
            && from.is_none_or(|from| count(&self.sent, from) < settings.warming_per_pod_max)
    }
}
