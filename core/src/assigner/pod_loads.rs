//! Pod loads: the load of each pod by the last reports, and the mean that the balancer aims at.

use std::collections::BTreeMap;

use super::decision_inputs::DecisionInputs;
use crate::load::Load;
use crate::pod::PodName;

/// The loads of the pods of one target, each divided by the pod's weight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodLoads {
    /// The load of each live pod.
    pub loads: BTreeMap<PodName, Load>,
    /// The mean of all pods that may own slices.
    pub mean: Load,
    /// The largest accepted distance from the mean.
    pub tolerance: Load,
}

impl PodLoads {
    /// The loads by these inputs. The owners of a slice carry equal parts of its load.
    pub fn of(inputs: &DecisionInputs) -> Self {
        let (assignment, signals) = (&inputs.assignment, &inputs.signals);
        let mut milli: BTreeMap<&PodName, u64> = signals.pods.keys().map(|name| (name, 0)).collect();
        let demands = signals.load.demands_of(assignment.slices());
        for (state, demand) in assignment.slices().values().zip(demands) {
            let owner_count = state.replicas.serving().count().max(1) as u128;
            let part = demand.now.share(1, owner_count).milli();
            for pod in state.replicas.serving() {
                if let Some(carried) = milli.get_mut(&assignment.pod(pod).name) {
                    *carried = carried.saturating_add(part);
                }
            }
        }
        let owners = signals.pods.values().filter(|pod| pod.may_own);
        let weight = owners
            .map(|signal| u128::from(signal.pod.weight.thousandths()))
            .sum::<u128>();
        let mean = signals.load.total().now.share(1_000, weight.max(1));
        let settings = &inputs.settings;
        let level = settings.max_load_hint.max(mean);
        let relative = |(name, milli): (&PodName, u64)| {
            let weight = signals.pods[name].pod.weight.thousandths();
            (name.clone(), Load::from_milli(milli).share(1_000, u128::from(weight)))
        };
        Self {
            loads: milli.into_iter().map(relative).collect(),
            mean,
            tolerance: level.share(settings.imbalance.thousandths().into(), 1_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::assignment::{Assignment, Generation, Phase, PodIndex, Replica, SliceState};
    use crate::balancer::{BalancerSettings, PodSignal, Signals};
    use crate::keyspace::{SliceKey, SliceMap};
    use crate::load::{Demand, LoadMap};
    use crate::pod::Pod;
    use crate::pod::fixtures::pod;
    use crate::time::Timestamp;

    fn owned_by(pods: &[u32]) -> SliceState {
        let serving = |pod: &u32| Replica {
            pod: PodIndex(*pod),
            phase: Phase::Serving,
        };
        SliceState {
            replicas: pods.iter().map(serving).collect(),
            epoch: Generation::NONE.next(),
            changed_at: Generation::NONE.next(),
        }
    }

    #[test]
    fn owners_carry_equal_parts_of_their_slices() {
        let pods = || (0..2).map(pod);
        let middle = SliceKey::from_position(1 << 63);
        let slices = vec![(SliceKey::EMPTY, owned_by(&[0, 1])), (middle.clone(), owned_by(&[1]))];
        let slices = SliceMap::try_from_starts(slices).unwrap();
        let demand = |units| Demand::steady(Load::from_units(units));
        let pieces = vec![(SliceKey::EMPTY, demand(60)), (middle, demand(40))];
        let signal = |pod: Pod| PodSignal { pod, may_own: true };
        let inputs = DecisionInputs {
            assignment: Arc::new(Assignment::try_new(Generation::NONE.next(), pods().collect(), slices).unwrap()),
            signals: Signals {
                pods: pods().map(|pod| (pod.name.clone(), signal(pod))).collect(),
                load: LoadMap::new(SliceMap::try_from_starts(pieces).unwrap(), Vec::new()),
                ..Signals::default()
            },
            settings: BalancerSettings {
                max_load_hint: Load::from_units(200),
                ..BalancerSettings::default()
            },
            now: Timestamp::ZERO,
        };
        let pod_loads = PodLoads::of(&inputs);
        let loads: Vec<_> = pod_loads.loads.values().map(|load| load.milli()).collect();
        assert_eq!(loads, [30_000, 70_000]);
        assert_eq!((pod_loads.mean.milli(), pod_loads.tolerance.milli()), (50_000, 20_000));
    }
}
