//! The score of one tick.

/// The score of the ownership at one tick; [`crate::score`] defines the figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TickScore {
    /// In milliseconds since the trace began.
    pub at_ms: u64,
    /// The number of live pods.
    pub pod_count: usize,
    /// The hottest pod's load over the mean.
    pub over_mean: f64,
    /// The hottest remaining pod's load over the remaining mean.
    pub rest: f64,
    /// The standard deviation of pod load over the mean.
    pub cov: f64,
    /// The lower bound of `cov` for any assignment.
    pub cov_floor: f64,
    /// The share of all load that lost an owner.
    pub moved: f64,
    /// The part of `moved` whose old owner left.
    pub unavoidable: f64,
    /// The moves made necessary by pods that left and joined; 0 in other ticks.
    pub needed: f64,
    /// Whether pods joined or left; `false` in the first tick.
    pub has_pod_change: bool,
    /// The number of pods above `max_load_hint`.
    pub over_capacity: usize,
    /// Whether some key had no live owner.
    pub is_uncovered: bool,
    /// Whether some pod exceeded its attainable load by more than the tolerance.
    pub is_over_band: bool,
}
