//! Curves: the load of pods and the moves of a balancer over time, for plots.

use serde::Serialize;

use crate::html_page::POINTS_MAX;
use crate::load_trace::LoadTrace;
use crate::replay::ReplayTick;

/// Loads as multiples of the mean of their tick, and shares of all load that moved. Of ticks that fall on the same point
/// the worst value is kept, and the moved shares are added up.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Curves {
    /// The time between two points, in milliseconds.
    pub point_ms: u64,
    /// The start of each point, in milliseconds since the trace began.
    pub at_ms: Vec<u64>,
    /// The least loaded pod.
    pub min: Vec<f64>,
    /// The 10th percentile of pods.
    pub p10: Vec<f64>,
    /// The 90th percentile of pods.
    pub p90: Vec<f64>,
    /// The most loaded pod.
    pub max: Vec<f64>,
    /// The capacity of a pod over the mean load.
    pub capacity: Vec<f64>,
    /// The hottest remaining pod over the remaining mean.
    pub rest: Vec<f64>,
    /// The share of load moved in ticks in which pods joined or left.
    pub forced: Vec<f64>,
    /// The share of load moved in all other ticks, the first minute included.
    pub voluntary: Vec<f64>,
    /// The capacity of a pod, in milli-units a second.
    #[serde(skip)]
    max_load_hint: f64,
}

impl Curves {
    /// Empty curves for this trace.
    #[must_use]
    pub fn new(trace: &LoadTrace) -> Self {
        Self {
            point_ms: trace.end_ms().div_ceil(POINTS_MAX).max(trace.decide_every_ms()),
            max_load_hint: trace.config().max_load_hint.milli() as f64,
            ..Self::default()
        }
    }

    /// Adds a tick; ticks come in order of time.
    pub fn add(&mut self, tick: &ReplayTick<'_>) {
        let begins_ms = tick.at_ms / self.point_ms * self.point_ms;
        if self.at_ms.last() != Some(&begins_ms) {
            self.begin(begins_ms);
        }
        let Some(last) = self.at_ms.len().checked_sub(1) else {
            return;
        };
        let loads = Loads::of(tick.pod_loads);
        let lower = |curve: &mut Vec<f64>, value: f64| curve[last] = curve[last].min(rounded(value));
        lower(&mut self.min, loads.quantile(0, 10));
        lower(&mut self.p10, loads.quantile(1, 10));
        lower(&mut self.capacity, loads.over_mean(self.max_load_hint));
        let raise = |curve: &mut Vec<f64>, value: f64| curve[last] = curve[last].max(rounded(value));
        raise(&mut self.p90, loads.quantile(9, 10));
        raise(&mut self.max, loads.quantile(10, 10));
        raise(&mut self.rest, tick.score.rest);
        let moved = match tick.score.has_pod_change {
            true => &mut self.forced,
            false => &mut self.voluntary,
        };
        moved[last] = rounded(moved[last] + tick.score.moved);
    }

    fn begin(&mut self, at_ms: u64) {
        self.at_ms.push(at_ms);
        self.min.push(f64::MAX);
        self.p10.push(f64::MAX);
        self.capacity.push(f64::MAX);
        self.p90.push(0.0);
        self.max.push(0.0);
        self.rest.push(0.0);
        self.forced.push(0.0);
        self.voluntary.push(0.0);
    }
}

/// The loads of all pods at one tick, sorted.
struct Loads {
    sorted: Vec<f64>,
    mean: f64,
}

impl Loads {
    fn of(loads: &[f64]) -> Self {
        let mut sorted = loads.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let mean = sorted.iter().sum::<f64>() / sorted.len().max(1) as f64;
        Self { sorted, mean }
    }

    /// The load over the mean at this quantile, that of the nearest pod.
    fn quantile(&self, numerator: usize, denominator: usize) -> f64 {
        let last = self.sorted.len().saturating_sub(1);
        let index = (last * numerator + denominator / 2) / denominator;
        self.over_mean(self.sorted.get(index).copied().unwrap_or(self.mean))
    }

    fn over_mean(&self, load: f64) -> f64 {
        if self.mean > 0.0 { load / self.mean } else { 1.0 }
    }
}

/// To three decimals, finer than any plot.
fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}
