//! The score of one tick.

/// How good the assignment of one tick is; see [`crate::score`] for what the figures mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TickScore {
    /// When, in milliseconds since the trace began.
    pub at_ms: u64,
    /// How many pods were live.
    pub pod_count: usize,
    /// The hottest pod's load over the mean.
    pub over_mean: f64,
    /// The hottest remaining pod's load over the remaining mean.
    pub rest: f64,
    /// The standard deviation of pod load over the mean.
    pub cov: f64,
    /// The least that any assignment could reach.
    pub cov_floor: f64,
    /// The share of all load that lost an owner.
    pub moved: f64,
    /// The part of it whose old owner left.
    pub unavoidable: f64,
    /// What pods that left and joined made necessary; nothing in other ticks.
    pub needed: f64,
    /// Whether pods came or went, which the first tick does not count.
    pub has_pod_change: bool,
    /// How many pods were above `max_load_hint`.
    pub over_capacity: usize,
    /// Whether some key had no live owner.
    pub is_uncovered: bool,
    /// Whether some pod was more than the tolerance above what it could have.
    pub is_over_band: bool,
}
