//! Prospects: what keeps a slice at its owner, and what would move it.

use std::fmt;
use std::time::Duration;

use super::explanation::DecisionStatus;
use super::overview::{PodCondition, TargetOverview};
use crate::balancer::LoadBand;
use crate::load::Load;
use crate::pod::{PodName, Weight};
use crate::quantity_text::{PerSecond, Percentage, ReadableDuration};

/// One sentence on what keeps slices in their place or would move them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prospect {
    /// An operator has frozen the target.
    Frozen,
    /// No pod serves the slice.
    Unowned,
    /// An operator has pinned it to this pod.
    Pinned(PodName),
    /// Its owners crashed one after the other.
    Poisoned,
    /// A handoff to this pod is in progress.
    Moving(PodName),
    /// It moved for balance a moment ago, and balance leaves it in place for this long.
    Cooldown(Duration),
    /// Its owner cannot keep slices, or gets none.
    Condition(PodName, PodCondition),
    /// The place of its owner in the load band.
    Band(PodName, PodBand),
    /// The used part of the allowance for moves for balance in ten minutes, in thousandths.
    BudgetUsed(u64),
    /// What the leader does now, or why it waits.
    Now(DecisionStatus),
}

/// The load of a pod once its moves are complete, and the band for a pod of its weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "see `LoadBand`")]
pub struct PodBand {
    pub planned: Load,
    pub lower: Load,
    pub upper: Load,
}

impl PodBand {
    pub(super) fn of(planned: Load, band: &LoadBand, weight: Weight) -> Self {
        let scaled = |load: Load| {
            let milli = u128::from(load.milli()) * u128::from(weight.thousandths()) / 1_000;
            Load::from_milli(u64::try_from(milli).unwrap_or(u64::MAX))
        };
        Self {
            planned,
            lower: scaled(band.lower),
            upper: scaled(band.upper),
        }
    }

    /// Whether decisions for balance take load from the pod.
    #[must_use]
    pub fn is_above(&self) -> bool {
        self.planned > self.upper
    }

    /// Whether decisions for balance move load to the pod.
    #[must_use]
    pub fn is_below(&self) -> bool {
        self.planned < self.lower
    }
}

/// The prospects that hold for every slice of a pod.
pub(super) fn pod_prospects(overview: &TargetOverview, pod: &PodName, band: Option<PodBand>) -> Vec<Prospect> {
    let condition = overview.pods.get(pod).copied();
    let condition = condition.filter(|condition| *condition != PodCondition::Ready);
    let condition = condition.map(|condition| Prospect::Condition(pod.clone(), condition));
    let band = band.map(|band| Prospect::Band(pod.clone(), band));
    condition.into_iter().chain(band).collect()
}

/// The prospects that hold for every slice of the target.
pub(super) fn target_prospects(overview: &TargetOverview, budget_used: u64) -> Vec<Prospect> {
    let frozen = overview.is_frozen.then_some(Prospect::Frozen);
    let others = [Prospect::BudgetUsed(budget_used), Prospect::Now(overview.status)];
    frozen.into_iter().chain(others).collect()
}

impl fmt::Display for Prospect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Prospect::Frozen => f.write_str("an operator has frozen the target: nothing moves"),
            Prospect::Unowned => f.write_str("no pod serves it: it gets an owner as soon as a pod may own slices"),
            Prospect::Pinned(pod) => write!(
                f,
                "an operator has pinned it to {pod}, as long as that pod may own slices"
            ),
            Prospect::Poisoned => {
                f.write_str("it is poisoned: its owners crashed one after the other, so it stays until it is released")
            }
            Prospect::Moving(pod) => write!(
                f,
                "it is moving to {pod}, and does not move again before it has arrived"
            ),
            Prospect::Cooldown(remaining) => write!(
                f,
                "it moved for balance a moment ago, so balance leaves it in place for another {}",
                ReadableDuration(*remaining)
            ),
            Prospect::Condition(pod, condition) => write!(f, "{pod} {condition}"),
            Prospect::Band(pod, band) => write_band(f, pod, band),
            Prospect::BudgetUsed(thousandths) => write!(
                f,
                "moves for balance have used {} of what may move in ten minutes",
                Percentage(*thousandths)
            ),
            Prospect::Now(status) => write!(f, "now: {status}"),
        }
    }
}

fn write_band(f: &mut fmt::Formatter<'_>, pod: &PodName, band: &PodBand) -> fmt::Result {
    let (planned, lower, upper) = (PerSecond(band.planned), PerSecond(band.lower), PerSecond(band.upper));
    if band.is_above() {
        write!(
            f,
            "{pod} has {planned}, more than {upper}: decisions for balance move load away from it"
        )
    } else if band.is_below() {
        write!(
            f,
            "{pod} has {planned}, less than {lower}: decisions for balance move load to it"
        )
    } else {
        write!(
            f,
            "{pod} has {planned}, inside the band from {lower} to {upper}: balance moves nothing away unless it exceeds that, \
             or another pod falls below the band"
        )
    }
}
