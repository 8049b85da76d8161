//! The scorer: computes the score of every tick.

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
    /// The total load of the keys before each index, in milli-units a second.
    up_to: Vec<f64>,
    floor: Floor,
    ranges: KeyRanges,
    by_pod: Vec<f64>,
    live_loads: Vec<f64>,
    scores: Vec<TickScore>,
}

impl<'a> Scorer<'a> {
    /// A scorer without ticks.
    #[must_use]
    pub fn new(trace: &'a LoadTrace) -> Self {
        Self {
            trace,
            up_to: vec![0.0; trace.keys().len() + 1],
            floor: Floor::default(),
            ranges: KeyRanges::default(),
            by_pod: vec![0.0; trace.pods().len()],
            live_loads: Vec::new(),
            scores: Vec::new(),
        }
    }

    /// Scores one tick: the state of the trace, and the ownership from this tick on.
    pub fn tick(&mut self, state: &TraceState<'_>, ownership: &Arc<OwnershipMap>) {
        let is_first = self.scores.is_empty();
        if is_first || state.has_new_loads() {
            self.update_prefix_sums(state);
        }
        if is_first || state.has_new_loads() || state.has_new_pods() {
            let replicas_max = self.trace.config().max_replicas;
            self.floor = Floor::of(state.loads(), state.live_count(), replicas_max);
        }
        let churn = self.adopt(ownership, state.left());
        self.update_pod_loads(state);
        let score = self.scored(state, churn, is_first);
        self.scores.push(score);
    }

    /// The score of the latest tick.
    ///
    /// # Panics
    /// Before the first tick.
    #[must_use]
    pub fn newest(&self) -> &TickScore {
        self.scores.last().expect("a tick was scored")
    }

    /// The load of each live pod at the latest tick, by id, in milli-units a second.
    #[must_use]
    pub fn pod_loads(&self) -> &[f64] {
        &self.live_loads
    }

    /// Aggregates the scores of all ticks and the durations of decisions.
    #[must_use]
    pub fn summary(&self, decide_times: &[Duration]) -> Summary {
        Summary::of(&self.scores, self.trace.end_ms(), decide_times)
    }

    fn update_prefix_sums(&mut self, state: &TraceState<'_>) {
        let mut sum = 0.0;
        for (up_to, load) in self.up_to[1..].iter_mut().zip(state.loads()) {
            sum += load.milli() as f64;
            *up_to = sum;
        }
    }

    /// Adopts a new ownership; returns its churn.
    fn adopt(&mut self, ownership: &Arc<OwnershipMap>, left: &[PodId]) -> TickChurn {
        if self.ranges.is_of(ownership) {
            return TickChurn::default();
        }
        let ranges = KeyRanges::new(ownership, self.trace.keys());
        let churn = churn_between(&self.ranges, &ranges, &self.up_to, left);
        self.ranges = ranges;
        churn
    }

    fn update_pod_loads(&mut self, state: &TraceState<'_>) {
        self.by_pod.fill(0.0);
        for (from, to, owners) in self.ranges.parts() {
            let share = (self.up_to[to] - self.up_to[from]) / owners.len() as f64;
            owners.iter().for_each(|pod| self.by_pod[pod.as_usize()] += share);
        }
        self.live_loads.clear();
        self.live_loads
            .extend(state.live().map(|pod| self.by_pod[pod.as_usize()]));
    }

    fn scored(&self, state: &TraceState<'_>, churn: TickChurn, is_first: bool) -> TickScore {
        let total = self.total();
        let pod_count = state.live_count();
        let mean = total / pod_count as f64;
        let hottest = self.live_loads.iter().copied().fold(0.0, f64::max);
        let hottest_rest = self.hottest_rest(state);
        let has_pod_change = state.has_new_pods() && !is_first;
        let unavoidable = ratio(churn.unavoidable, total, 0.0);
        let added = state.added().iter().filter(|pod| state.is_live(**pod)).count();
        let hint = self.trace.config().max_load_hint.milli() as f64;
        TickScore {
            at_ms: state.at_ms(),
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
                .ranges
                .parts()
                .any(|(_, _, owners)| !owners.iter().any(|pod| state.is_live(*pod))),
            is_over_band: self.is_over_band(state),
        }
    }

    fn total(&self) -> f64 {
        self.up_to.last().copied().unwrap_or(0.0)
    }

    /// Whether some pod exceeds its attainable load by more than the tolerance: the remaining mean or, if larger, its share of a
    /// key set aside that it serves.
    fn is_over_band(&self, state: &TraceState<'_>) -> bool {
        let mut attainable = vec![self.floor.level; self.by_pod.len()];
        for (key, share) in self.floor.aside.iter().zip(&self.floor.shares) {
            for host in self.ranges.owners_of(*key) {
                attainable[host.as_usize()] = attainable[host.as_usize()].max(*share);
            }
        }
        let tolerance = self.tolerance();
        state
            .live()
            .any(|pod| self.by_pod[pod.as_usize()] > attainable[pod.as_usize()] + tolerance)
    }

    /// How far a pod may exceed its attainable load, in milli-units a second.
    fn tolerance(&self) -> f64 {
        let config = self.trace.config();
        let scale = self.floor.level.max(config.max_load_hint.milli() as f64);
        scale * config.imbalance.thousandths() as f64 / 1_000.0
    }

    /// The load of the hottest pod that serves none of the keys set aside.
    fn hottest_rest(&self, state: &TraceState<'_>) -> f64 {
        let mut is_host = vec![false; self.by_pod.len()];
        for key in &self.floor.aside {
            let hosts = self.ranges.owners_of(*key).iter();
            hosts.for_each(|pod| is_host[pod.as_usize()] = true);
        }
        let rest = state.live().filter(|pod| !is_host[pod.as_usize()]);
        rest.map(|pod| self.by_pod[pod.as_usize()]).fold(0.0, f64::max)
    }
}

/// `part / whole`; `otherwise` if the whole is 0.
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
