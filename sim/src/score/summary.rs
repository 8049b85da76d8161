//! The summary: aggregated scores of all ticks.

use std::time::Duration;

use serde::Serialize;

use super::TickScore;

/// The time in which the assignment settles, before scores count.
pub(crate) const SETTLING_MS: u64 = 60_000;

/// The scores of a whole trace; [`crate::score`] defines the figures. Rates are shares of all load per hour. A trace of at most
/// a minute is scored from its first tick.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The mean of the hottest pod over the mean load.
    pub mean_over_mean: f64,
    /// Its 99th percentile over ticks.
    pub p99_over_mean: f64,
    /// Its maximum over ticks.
    pub max_over_mean: f64,
    /// The mean of the hottest remaining pod over the remaining mean load.
    pub mean_rest: f64,
    /// Its 99th percentile over ticks.
    pub p99_rest: f64,
    /// Its maximum over ticks.
    pub max_rest: f64,
    /// The standard deviation of pod load over the mean, on average.
    pub cov: f64,
    /// The lower bound of `cov` for any assignment, on average.
    pub cov_floor: f64,
    /// Load that lost an owner in ticks in which pods joined or left.
    pub forced_per_h: f64,
    /// The part of `forced_per_h` whose old owner left.
    pub unavoidable_per_h: f64,
    /// The moves made necessary by pods that left and joined.
    pub needed_per_h: f64,
    /// Load that lost an owner in all other ticks.
    pub voluntary_per_h: f64,
    /// The share of load that moved in the first minute.
    pub first_minute: f64,
    /// Pods above `max_load_hint`, on average.
    pub over_capacity: f64,
    /// Ticks in which some key had no live owner, the first minute included.
    pub uncovered: usize,
    /// The number of ticks.
    pub ticks: usize,
    /// The largest share of load moved in one tick without pod changes, including the first minute, excluding the first tick.
    pub max_round_moved: f64,
    /// Ticks in which some pod exceeded its attainable load by more than the tolerance.
    pub over_band_ticks: usize,
    /// The durations of decisions.
    #[serde(flatten)]
    pub decide: DecideTimes,
}

/// The durations of decisions, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DecideTimes {
    /// The number of decisions.
    #[serde(rename = "decisions")]
    pub count: usize,
    /// The mean duration of a decision.
    #[serde(rename = "decide_ms_mean")]
    pub mean_ms: f64,
    /// The 99th percentile of durations.
    #[serde(rename = "decide_ms_p99")]
    pub p99_ms: f64,
    /// The duration of the slowest decision.
    #[serde(rename = "decide_ms_max")]
    pub max_ms: f64,
}

impl Summary {
    /// `end_ms` is the length of the trace.
    pub(super) fn of(scores: &[TickScore], end_ms: u64, decide_times: &[Duration]) -> Self {
        let settled_ms = if end_ms > SETTLING_MS { SETTLING_MS } else { 0 };
        let late: Vec<&TickScore> = scores.iter().filter(|score| score.at_ms >= settled_ms).collect();
        let hours = (end_ms - settled_ms).max(1) as f64 / 3_600_000.0;
        let per_hour = |has_pod_change: bool, share: fn(&TickScore) -> f64| {
            let counted = late.iter().filter(|score| score.has_pod_change == has_pod_change);
            rounded(counted.map(|score| share(score)).sum::<f64>() / hours)
        };
        let over_mean = Distribution::of(late.iter().map(|score| score.over_mean));
        let rest = Distribution::of(late.iter().map(|score| score.rest));
        let mean =
            |figure: fn(&TickScore) -> f64| rounded(Distribution::of(late.iter().map(|score| figure(score))).mean);
        let is_settling = |score: &&TickScore| score.at_ms < SETTLING_MS;
        let rounds = scores.iter().skip(1).filter(|score| !score.has_pod_change);
        Self {
            mean_over_mean: rounded(over_mean.mean),
            p99_over_mean: rounded(over_mean.p99),
            max_over_mean: rounded(over_mean.max),
            mean_rest: rounded(rest.mean),
            p99_rest: rounded(rest.p99),
            max_rest: rounded(rest.max),
            cov: mean(|score| score.cov),
            cov_floor: mean(|score| score.cov_floor),
            forced_per_h: per_hour(true, |score| score.moved),
            unavoidable_per_h: per_hour(true, |score| score.unavoidable),
            needed_per_h: per_hour(true, |score| score.needed),
            voluntary_per_h: per_hour(false, |score| score.moved),
            first_minute: rounded(scores.iter().filter(is_settling).map(|score| score.moved).sum()),
            over_capacity: mean(|score| score.over_capacity as f64),
            uncovered: scores.iter().filter(|score| score.is_uncovered).count(),
            ticks: scores.len(),
            max_round_moved: rounded(rounds.map(|score| score.moved).fold(0.0, f64::max)),
            over_band_ticks: late.iter().filter(|score| score.is_over_band).count(),
            decide: DecideTimes::of(decide_times),
        }
    }
}

impl DecideTimes {
    fn of(times: &[Duration]) -> Self {
        let spread = Distribution::of(times.iter().map(|time| time.as_secs_f64() * 1_000.0));
        Self {
            count: times.len(),
            mean_ms: rounded(spread.mean),
            p99_ms: rounded(spread.p99),
            max_ms: rounded(spread.max),
        }
    }
}

/// Mean, 99th percentile and maximum of figures; 0 without figures.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Distribution {
    pub(crate) mean: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Distribution {
    pub(crate) fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut figures: Vec<f64> = figures.collect();
        figures.sort_unstable_by(f64::total_cmp);
        let Some(max) = figures.last().copied() else {
            return Self::default();
        };
        Self {
            mean: figures.iter().sum::<f64>() / figures.len() as f64,
            p99: quantile(&figures, 0.99),
            max,
        }
    }
}

/// A quantile of sorted figures, interpolated linearly.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let index = (sorted.len() - 1) as f64 * share;
    let below = index.floor();
    let low = sorted[below as usize];
    let high = sorted[(below as usize + 1).min(sorted.len() - 1)];
    low + (high - low) * (index - below)
}

/// Rounds to four decimals. An empty sum is -0.0, which adding 0.0 turns into 0.0.
pub(crate) fn rounded(figure: f64) -> f64 {
    (figure * 10_000.0).round() / 10_000.0 + 0.0
}
