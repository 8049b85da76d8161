//! The load summary: how even the load of a target is, and would be, for metrics.

use std::collections::BTreeMap;

use super::decision_inputs::DecisionInputs;
use crate::balancer::{LoadBand, load_band, move_budget_used};
use crate::keyspace::{Slice, SliceKey};
use crate::load::Load;
use crate::pod::PodName;

/// The load of a target by the estimate on which decisions are based.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadSummary {
    /// The load of all keys.
    pub total: Load,
    /// The load that a pod of weight 1 should carry.
    pub band: LoadBand,
    /// The load of each pod that may own slices.
    pub pods: BTreeMap<PodName, PodLoadSummary>,
    /// How many keys are known to be hot.
    pub hot_key_count: usize,
    /// The used part of the allowance for voluntary moves in ten minutes, in thousandths.
    pub move_budget_used: u64,
}

/// The load of one pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PodLoadSummary {
    /// Once all moves under way are complete.
    pub planned: Load,
    /// If each pod owned an equal part of the key space, as static sharding would give it.
    pub of_equal_part: Load,
}

impl LoadSummary {
    /// The summary by these inputs.
    #[must_use]
    pub fn of(inputs: &DecisionInputs) -> Self {
        let DecisionInputs {
            assignment,
            signals,
            settings,
            now,
        } = inputs;
        let owners = signals.pods.iter().filter(|(_, signal)| signal.may_own);
        let mut pods: BTreeMap<PodName, PodLoadSummary> = owners
            .map(|(name, _)| (name.clone(), PodLoadSummary::default()))
            .collect();
        let parts = equal_parts(pods.len());
        for (pod, part) in pods.values_mut().zip(parts) {
            pod.of_equal_part = signals.load.demand_of(&part).now;
        }
        let demands = signals.load.demands_of(assignment.slices());
        for (state, demand) in assignment.slices().values().zip(demands) {
            let owners = || state.replicas.iter().filter(|replica| replica.phase.is_final_owner());
            let share = demand.now.share(1, owners().count().max(1) as u128);
            for replica in owners() {
                if let Some(pod) = pods.get_mut(&assignment.pod(replica.pod).name) {
                    pod.planned += share;
                }
            }
        }
        Self {
            total: signals.load.total().now,
            band: load_band(assignment, signals, settings),
            pods,
            hot_key_count: signals.load.points().len(),
            move_budget_used: move_budget_used(&signals.recent_moves, *now),
        }
    }
}

/// The key space in `count` parts of equal width, in key order.
fn equal_parts(count: usize) -> impl Iterator<Item = Slice> {
    let bound = move |number: usize| {
        let position = (u128::from(u64::MAX) + 1) * number as u128 / count as u128;
        u64::try_from(position).ok().map(SliceKey::from_position)
    };
    (0..count).filter_map(move |number| {
        let start = match number {
            0 => SliceKey::EMPTY,
            number => bound(number)?,
        };
        Slice::new(start, bound(number + 1))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::assignment::{Assignment, Phase, Proposal, ReplicaSet};
    use crate::balancer::{BalancerSettings, PodSignal, Signals};
    use crate::keyspace::SliceMap;
    use crate::load::{Demand, LoadMap};
    use crate::pod::fixtures::pod;
    use crate::time::Timestamp;

    #[test]
    fn parts_of_equal_width_cover_the_key_space() {
        let parts: Vec<_> = equal_parts(3).collect();
        assert_eq!(parts.len(), 3);
        assert_eq!((parts[0].start(), parts[2].end()), (&SliceKey::EMPTY, None));
        assert!(parts.windows(2).all(|pair| pair[0].end() == Some(pair[1].start())));
        assert_eq!(equal_parts(1).collect::<Vec<_>>(), [Slice::FULL]);
    }

    #[test]
    fn planned_load_counts_owners_that_are_still_warming() {
        let middle = SliceKey::from_position(1 << 63);
        let mut moving = ReplicaSet::none();
        moving.set(0_usize.into(), Phase::Yielding);
        moving.set(1_usize.into(), Phase::Warming);
        let slices = vec![(SliceKey::EMPTY, moving)];
        let proposal = Proposal {
            pods: vec![pod(0), pod(1)],
            slices: SliceMap::try_from_starts(slices).unwrap(),
        };
        let demand = |units| Demand::steady(Load::from_units(units));
        let pieces = vec![(SliceKey::EMPTY, demand(60)), (middle, demand(40))];
        let signal = |pod: crate::pod::Pod| (pod.name.clone(), PodSignal { pod, may_own: true });
        let summary = LoadSummary::of(&DecisionInputs {
            assignment: Arc::new(proposal.after(&Assignment::unassigned()).unwrap()),
            signals: Signals {
                pods: [pod(0), pod(1)].map(signal).into(),
                load: LoadMap::new(SliceMap::try_from_starts(pieces).unwrap(), Vec::new()),
                ..Signals::default()
            },
            settings: BalancerSettings::default(),
            now: Timestamp::ZERO,
        });
        let loads: Vec<_> = summary
            .pods
            .values()
            .map(|pod| (pod.planned, pod.of_equal_part))
            .collect();
        let units = Load::from_units;
        assert_eq!(loads, [(Load::ZERO, units(60)), (units(100), units(40))]);
        // The reserve of the balancer, one unit for each pod, counts as cost.
        assert_eq!((summary.total, summary.band.mean.milli() / 1_000), (units(100), 51));
        assert_eq!((summary.hot_key_count, summary.move_budget_used), (0, 0));
    }
}
