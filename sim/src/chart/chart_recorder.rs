//! The recorder of a chart: samples a cluster after each change.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assignment::Phase;
use emberkeep_core::load::Load;
use emberkeep_core::time::Timestamp;

use super::{ChartTexts, ClusterCurves, CurvePoint, RunChart};
use crate::cluster::{ClusterEvent, PodView, ProcessState, SimCluster, TimedEvent};
use crate::html_page::Bands;
use crate::load_trace::PodId;
use crate::observer::{BalanceMeter, ColdKeys, MovementMeter, TimelineNote, by_weight};
use crate::ownership::{Owners, OwnershipMap};

/// The chart of a cluster so far. It only reads, so that a run has the same outcome with and without it.
#[derive(Debug)]
pub(crate) struct ChartRecorder {
    curves: ClusterCurves,
    bands: Bands,
    balance: BalanceMeter,
    movements: MovementMeter,
    cold: ColdKeys,
    /// The state since the last sample; of it only the warm share changes over time.
    newest: CurvePoint,
    /// All load since the last sample.
    total: Load,
}

impl ChartRecorder {
    /// A recorder for a run of at most that length with about this number of pods.
    pub(crate) fn new(run: Duration, pod_count: usize) -> Self {
        let end_ms = millis(Timestamp::ZERO + run);
        let curves = ClusterCurves::new(end_ms);
        Self {
            bands: Bands::new(end_ms, curves.point_ms(), pod_count),
            curves,
            balance: BalanceMeter::default(),
            movements: MovementMeter::default(),
            cold: ColdKeys::default(),
            newest: CurvePoint::default(),
            total: Load::ZERO,
        }
    }

    /// Records an event, with the cluster right after it.
    pub(crate) fn on_event(&mut self, cluster: &SimCluster, event: &TimedEvent) {
        self.reach(event.at);
        let moved = self.movements.on_event(cluster, event);
        self.curves.add_moves(&moved);
        match &event.what {
            ClusterEvent::Routed { before, after } => {
                self.cold.on_routed(cluster, before, after);
                self.sample(cluster);
            }
            ClusterEvent::Replicated { .. } | ClusterEvent::Exited { .. } => self.sample(cluster),
            ClusterEvent::Decided(_)
            | ClusterEvent::Published { .. }
            | ClusterEvent::Alerted(_)
            | ClusterEvent::Elected => {}
        }
    }

    /// Samples the cluster after a change.
    pub(crate) fn sample(&mut self, cluster: &SimCluster) {
        let now = cluster.now();
        self.reach(now);
        self.cold.on_changed(cluster);
        self.total = cluster.traffic().total();
        self.newest = self.state_of(cluster);
        self.newest.warm = self.warm(now);
        self.curves.merge(&self.newest);
        self.bands.add(millis(now), &Arc::new(ownership(cluster)));
    }

    /// Ends the curves at the present of the cluster.
    pub(crate) fn finish(mut self, cluster: &SimCluster, texts: ChartTexts, notes: Vec<TimelineNote>) -> RunChart {
        self.reach(cluster.now());
        let pods: Vec<String> = cluster.pods().map(|pod| pod.pod.name.to_string()).collect();
        self.curves.finish(pods.len());
        RunChart {
            texts,
            key_count: cluster.traffic().key_count(),
            capacity: cluster.state().settings.balancer.max_load_hint.milli(),
            end_ms: millis(cluster.now()).max(1),
            pods,
            curves: self.curves,
            bands: self.bands,
            notes,
        }
    }

    fn state_of(&mut self, cluster: &SimCluster) -> CurvePoint {
        let (traffic, routes) = (cluster.traffic(), cluster.routing().routes());
        let balance = self.balance.sample(cluster);
        let unanswered = cluster.routing().unanswered(traffic);
        let unanswered_routes = routes.iter().filter(|route| route.answered_by.is_empty());
        let owner_count_min = cluster.state().settings.balancer.min_replicas as usize;
        let owner_count_min = owner_count_min.min(balance.pod_count.max(1));
        let missing = routes
            .iter()
            .map(|route| owner_count_min.saturating_sub(route.answered_by.len()));
        CurvePoint {
            // Without pods there is no mean.
            mean: if balance.pod_count > 0 { balance.mean.milli() } else { 0 },
            limit: if balance.pod_count > 0 {
                balance.limit.milli()
            } else {
                0
            },
            lowest: balance.min.milli(),
            highest: balance.max.milli(),
            pods: cluster.pods().map(|pod| load_of(&pod)).collect(),
            pod_count: balance.pod_count as u64,
            unanswered: millionths(unanswered, self.total),
            unanswered_keys: unanswered_routes.map(|route| route.keys.len() as u64).sum(),
            missing_owners: missing.sum::<usize>() as u64,
            warming: slices_in(cluster, Phase::Warming),
            leaving: slices_in(cluster, Phase::Leaving),
            warm: 0,
        }
    }

    /// Begins all points up to `now`, each with the state at its start.
    fn reach(&mut self, now: Timestamp) {
        while self.curves.next_point_ms() <= millis(now) {
            self.newest.warm = self.warm(Timestamp::from_millis(self.curves.next_point_ms()));
            self.curves.begin(&self.newest);
        }
    }

    /// The share of the load that reaches a pod with the state of its key at `now`, in millionths.
    fn warm(&self, now: Timestamp) -> u64 {
        match self.total {
            Load::ZERO => 1_000_000,
            total => 1_000_000_u64.saturating_sub(self.newest.unanswered + millionths(self.cold.load(now), total)),
        }
    }
}

fn millionths(load: Load, total: Load) -> u64 {
    let total = u128::from(total.milli()).max(1);
    u64::try_from(u128::from(load.milli()) * 1_000_000 / total).unwrap_or(u64::MAX)
}

/// The load of a pod for weight 1, in milli-units a second; `None` while its process does not run.
fn load_of(pod: &PodView<'_>) -> Option<u64> {
    match pod.process {
        ProcessState::Running | ProcessState::Frozen => {
            Some(by_weight(pod.load, u64::from(pod.pod.weight.thousandths())))
        }
        ProcessState::Ended | ProcessState::Lost => None,
    }
}

/// The slices with a replica in that phase.
fn slices_in(cluster: &SimCluster, phase: Phase) -> u64 {
    let slices = cluster.state().assignment.slices().values();
    slices
        .filter(|state| state.replicas.iter().any(|replica| replica.phase == phase))
        .count() as u64
}

/// The pods that answer, by their index.
fn ownership(cluster: &SimCluster) -> OwnershipMap {
    let routes = cluster.routing().routes().iter();
    OwnershipMap::from_starts(routes.map(|route| {
        let pods = route.answered_by.iter().map(|pod| PodId(*pod as u32));
        (route.slice.start().clone(), pods.collect::<Owners>())
    }))
}

fn millis(at: Timestamp) -> u64 {
    at.as_micros() / 1_000
}
