//! A balancer that serves the requests between its decisions.

use emberkeep_core::keyspace::SliceKey;

use super::metered_target::MeteredTarget;
use super::placement_policy::PlacementPolicy;
use super::recorded_run::RecordedRun;
use super::serving::Serving;
use crate::balancers::BalancerKind;
use crate::ownership::OwnershipMap;
use crate::replay::{Balancer, Moment, Stopwatch, TraceState};

/// Requests served under one placement policy. A replay calls it as a balancer; before each decision it serves the
/// requests since the previous one.
pub(super) struct ServingBalancer<'a> {
    pub(super) serving: Serving<'a>,
    decider: Decider,
    value_bytes: u64,
}

enum Decider {
    /// Decides on the load that pods measure.
    Measuring(Box<MeteredTarget>),
    /// Decides without knowledge of the load.
    Blind(Box<dyn Balancer>),
}

impl<'a> ServingBalancer<'a> {
    pub(super) fn new(run: &'a RecordedRun, policy: PlacementPolicy) -> Self {
        Self {
            serving: Serving::new(run),
            value_bytes: run.value_bytes,
            decider: match policy {
                PlacementPolicy::Emberkeep => Decider::Measuring(Box::new(MeteredTarget::new(&run.trace, run.seed))),
                PlacementPolicy::Ring => Decider::Blind(BalancerKind::Ring.balancer(&run.trace)),
                PlacementPolicy::Stateless => Decider::Blind(Box::new(NoAffinity)),
            },
        }
    }
}

impl Balancer for ServingBalancer<'_> {
    fn decide(
        &mut self,
        world: &TraceState<'_>,
        moment: Moment,
        stopwatch: &mut Stopwatch<'_>,
    ) -> Option<OwnershipMap> {
        let served = self.serving.serve_until(moment.at_ms);
        let decided = match &mut self.decider {
            Decider::Blind(balancer) => balancer.decide(world, moment, stopwatch),
            Decider::Measuring(metered) => {
                metered.weigh(self.serving.warm(), self.value_bytes, world.trace());
                metered.measure(&served, world.trace(), moment.at_ms);
                metered.decide(world, moment, stopwatch)
            }
        };
        self.serving.follow(world, decided.as_ref(), moment);
        decided
    }
}

/// Every pod serves every key.
struct NoAffinity;

impl Balancer for NoAffinity {
    fn decide(&mut self, world: &TraceState<'_>, _: Moment, _: &mut Stopwatch<'_>) -> Option<OwnershipMap> {
        let everyone = || OwnershipMap::from_starts([(SliceKey::EMPTY, world.live().collect())]);
        world.has_new_pods().then(everyone)
    }
}
