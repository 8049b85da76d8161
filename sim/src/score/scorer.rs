//! The scorer: takes the score of every tick.

use std::sync::Arc;
use std::time::Duration;

use super::floor::Floor;
use super::key_ranges::KeyRanges;
use super::tick_churn::{TickChurn, churn_between};
use super::{Summary, TickScore};
use crate::load_trace::{LoadTrace, PodId};
use crate::ownership::OwnershipMap;
use crate::replay::TraceState;

/// Scores a replay tick by tick.
pub struct Scorer<'a> {
    trace: &'a LoadTrace,
    /// The load of all keys before each place, in milli-units a second.
    up_to: Vec<f64>,
    floor: Floor,
    divided: KeyRanges,
    by_pod: Vec<f64>,
    live_loads: Vec<f64>,
    scores: Vec<TickScore>,
}

impl<'a> Scorer<'a> {
    /// Nothing is scored yet.
    #[must_use]
    pub fn new(trace: &'a LoadTrace) -> Self {
        Self {
            trace,
            up_to: vec![0.0; trace.keys().len() + 1],
            floor: Floor::default(),
            divided: KeyRanges::default(),
            by_pod: vec![0.0; trace.pods().len()],
            live_loads: Vec::new(),
            scores: Vec::new(),
        }
    }

    /// Scores one tick: the world as it is, and who owns what from this tick on.
    pub fn tick(&mut self, world: &TraceState<'_>, ownership: &Arc<OwnershipMap>) {
        let is_first = self.scores.is_empty();
        if is_first || world.has_new_loads() {
            self.sum_up(world);
        }
        if is_first || world.has_new_loads() || world.has_new_pods() {
            let replicas_max = self.trace.config().max_replicas;
            self.floor = Floor::of(world.loads(), world.live_count(), replicas_max);
        }
        let churn = self.follow(ownership, world.left());
        self.share_out(world);
        let score = self.scored(world, churn, is_first);
        self.scores.push(score);
    }

    /// The score of the tick before now.
    ///
    /// # Panics
    /// Before the first tick.
    #[must_use]
    pub fn newest(&self) -> &TickScore {
        self.scores.last().expect("a tick was scored")
    }

    /// The load of each live pod at the newest tick, by number, in milli-units a second.
    #[must_use]
    pub fn pod_loads(&self) -> &[f64] {
        &self.live_loads
    }

    /// The scores of all ticks together, and how long each decision took.
    #[must_use]
    pub fn summary(&self, decide_times: &[Duration]) -> Summary {
        Summary::of(&self.scores, self.trace.end_ms(), decide_times)
    }

    fn sum_up(&mut self, world: &TraceState<'_>) {
        let mut sum = 0.0;
        for (up_to, load) in self.up_to[1..].iter_mut().zip(world.loads()) {
            sum += load.milli() as f64;
            *up_to = sum;
        }
    }

    /// Takes over an ownership if it is a new one; answers what it moved.
    fn follow(&mut self, ownership: &Arc<OwnershipMap>, left: &[PodId]) -> TickChurn {
        if self.divided.is_of(ownership) {
            return TickChurn::default();
        }
        let divided = KeyRanges::new(ownership, self.trace.keys());
        let churn = churn_between(&self.divided, &divided, &self.up_to, left);
        self.divided = divided;
        churn
    }

    fn share_out(&mut self, world: &TraceState<'_>) {
        self.by_pod.fill(0.0);
        for (from, to, owners) in self.divided.parts() {
            let share = (self.up_to[to] - self.up_to[from]) / owners.len() as f64;
            owners.iter().for_each(|pod| self.by_pod[pod.as_usize()] += share);
        }
        self.live_loads.clear();
        self.live_loads
            .extend(world.live().map(|pod| self.by_pod[pod.as_usize()]));
    }

    fn scored(&self, world: &TraceState<'_>, churn: TickChurn, is_first: bool) -> TickScore {
        let total = self.total();
        let pod_count = world.live_count();
        let mean = total / pod_count as f64;
        let hottest = self.live_loads.iter().copied().fold(0.0, f64::max);
        let hottest_rest = self.hottest_rest(world);
        let has_pod_change = world.has_new_pods() && !is_first;
        let unavoidable = ratio(churn.unavoidable, total, 0.0);
        let added = world.added().iter().filter(|pod| world.is_live(**pod)).count();
        let hint = self.trace.config().max_load_hint.milli() as f64;
        TickScore {
            at_ms: world.at_ms(),
            pod_count,
            over_mean: ratio(hottest, mean, 1.0),
            rest: ratio(hottest_rest, self.floor.level, 1.0),
            cov: ratio(deviation(&self.live_loads), mean, 0.0),
            cov_floor: if total > 0.0 { self.floor.cov } else { 0.0 },
            moved: ratio(churn.moved, total, 0.0),
            unavoidable,
            needed: match has_pod_change {
                true => unavoidable.max(added as f64 / pod_count as f64),
                false => 0.0,
            },
            has_pod_change,
            over_capacity: self.live_loads.iter().filter(|load| **load > hint).count(),
            is_uncovered: self
                .divided
                .parts()
                .any(|(_, _, owners)| !owners.iter().any(|pod| world.is_live(*pod))),
            is_over_band: self.is_over_band(world),
        }
    }

    fn total(&self) -> f64 {
        self.up_to.last().copied().unwrap_or(0.0)
    }

    /// Whether some pod has more than the tolerance above the remaining mean or, where that is more, above its part of
    /// a key set aside that it serves, shared by as many pods as may.
    fn is_over_band(&self, world: &TraceState<'_>) -> bool {
        let mut fair = vec![self.floor.level; self.by_pod.len()];
        for (key, share) in self.floor.aside.iter().zip(&self.floor.shares) {
            for host in self.divided.owners_of(*key) {
                fair[host.as_usize()] = fair[host.as_usize()].max(*share);
            }
        }
        let tolerance = self.tolerance();
        world
            .live()
            .any(|pod| self.by_pod[pod.as_usize()] > fair[pod.as_usize()] + tolerance)
    }

    /// How far a pod may lie above its fair share, in milli-units a second.
    fn tolerance(&self) -> f64 {
        let config = self.trace.config();
        let scale = self.floor.level.max(config.max_load_hint.milli() as f64);
        scale * config.imbalance.thousandths() as f64 / 1_000.0
    }

    /// The load of the hottest pod that serves none of the keys set aside.
    fn hottest_rest(&self, world: &TraceState<'_>) -> f64 {
        let mut is_host = vec![false; self.by_pod.len()];
        for key in &self.floor.aside {
            let hosts = self.divided.owners_of(*key).iter();
            hosts.for_each(|pod| is_host[pod.as_usize()] = true);
        }
        let rest = world.live().filter(|pod| !is_host[pod.as_usize()]);
        rest.map(|pod| self.by_pod[pod.as_usize()]).fold(0.0, f64::max)
    }
}

/// The part of the whole; `otherwise` of nothing.
fn ratio(part: f64, whole: f64, otherwise: f64) -> f64 {
    if whole > 0.0 { part / whole } else { otherwise }
}

/// The standard deviation of loads from their own mean.
fn deviation(loads: &[f64]) -> f64 {
    let count = loads.len() as f64;
    let mean = loads.iter().sum::<f64>() / count;
    let squares = loads.iter().map(|load| (load - mean) * (load - mean));
    (squares.sum::<f64>() / count).sqrt()
}
