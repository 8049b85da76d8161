//! The band: the load that a pod should carry, and the accepted distance from it.

use super::BalancerSettings;
use super::plan::Plan;
use super::pricing::Pricing;
use crate::load::Load;

/// The load of a pod of weight 1, in milli-units a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Band {
    /// The total cost divided by the total weight.
    mean: u128,
    /// The mean without the load that cannot be levelled out: keys that are too hot for `max_replicas` pods are excluded,
    /// together with as many pods.
    pub(super) level: u128,
    /// A pod with more load than this gives slices away.
    pub(super) upper: u128,
    /// A pod with less load than this receives slices.
    pub(super) lower: u128,
    /// The most that it can carry.
    pub(super) capacity: u128,
    /// Half the width of the band.
    pub(super) tolerance: u128,
}

/// The load that a pod of weight 1 should carry, in units a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadBand {
    /// The total load, with the reserve that the balancer adds, divided by the total weight.
    pub mean: Load,
    /// A pod with less load than this receives slices.
    pub lower: Load,
    /// A pod with more load than this gives slices away.
    pub upper: Load,
}

impl LoadBand {
    pub(super) fn of(band: &Band) -> Self {
        let load = |milli: u128| Load::from_milli(u64::try_from(milli).unwrap_or(u64::MAX));
        Self {
            mean: load(band.mean),
            lower: load(band.lower),
            upper: load(band.upper),
        }
    }
}

impl Band {
    pub(super) fn of(plan: &Plan, pricing: &Pricing, settings: &BalancerSettings) -> Self {
        let capacity = u128::from(settings.max_load_hint.milli());
        let mean = plan.owner_cost() * 1_000 / plan.owner_weight();
        let tolerance = capacity.max(mean) * u128::from(settings.imbalance.thousandths()) / 1_000;
        let level = level(plan, pricing, settings, mean);
        // Slightly inside the tolerance: the reserve counts as cost, but is no load.
        let upper = level + tolerance - tolerance / 64;
        Self {
            mean,
            level,
            // Capacity limits the band while the pods have enough of it together.
            upper: upper.min(capacity.max(level + tolerance / 4)),
            lower: mean.saturating_sub(tolerance).min(level),
            capacity,
            tolerance,
        }
    }
}

impl Band {
    /// Whether there is enough load to distinguish hot pods from cold ones: at least a hundredth of the capacity.
    pub(super) fn is_worth_balancing(&self) -> bool {
        self.mean * 100 >= self.capacity
    }

    /// The most that a receiving pod should carry: so far below the upper edge that noise does not push it out again.
    pub(super) fn well_inside(&self) -> u128 {
        self.upper.min(self.level + self.tolerance / 4)
    }
}

/// The mean without the keys that no assignment could spread far enough, and without the pods that own them.
fn level(plan: &Plan, pricing: &Pricing, settings: &BalancerSettings, mean: u128) -> u128 {
    let owner_count = plan.owners().count() as u128;
    let replicas = u128::from(settings.max_replicas).min(owner_count).max(1);
    // An excluded key has a larger share than the level, which exclusions rarely lower to a sixteenth of the mean.
    let large = pricing.points_above(mean * replicas / 16);
    let mut costs: Vec<u128> = large.map(|demand| u128::from(demand.peak().milli())).collect();
    costs.sort_unstable_by(|a, b| b.cmp(a));
    let (mut rest, mut pods) = (plan.owner_cost(), owner_count);
    let weight_of_a_pod = plan.owner_weight() / owner_count.max(1);
    let level_of = |rest: u128, pods: u128| rest * 1_000 / (pods * weight_of_a_pod).max(1);
    for cost in costs {
        let share = cost * 1_000 / (replicas * weight_of_a_pod).max(1);
        if pods <= replicas || share <= level_of(rest, pods) {
            break;
        }
        rest = rest.saturating_sub(cost);
        pods -= replicas;
    }
    level_of(rest, pods)
}
