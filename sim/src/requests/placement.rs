//! Placement: who decides which pods serve a key.

use emberkeep_core::keyspace::SliceKey;

use super::Way;
use super::metered::Metered;
use super::play::Play;
use super::serving::Serving;
use crate::balancers::BalancerKind;
use crate::ownership::OwnershipMap;
use crate::replay::{Balancer, Moment, Stopwatch, TraceState};

/// Requests served by pods as somebody places the keys. To a replay it is a balancer that serves, between two
/// decisions, what comes between them.
pub(super) struct Placement<'a> {
    pub(super) serving: Serving<'a>,
    decider: Decider,
    value_bytes: u64,
}

enum Decider {
    /// It learns of the load from what pods measure.
    Measuring(Box<Metered>),
    /// It does not look at load.
    Blind(Box<dyn Balancer>),
}

impl<'a> Placement<'a> {
    pub(super) fn new(play: &'a Play, way: Way) -> Self {
        Self {
            serving: Serving::new(play),
            value_bytes: play.value_bytes(),
            decider: match way {
                Way::Emberkeep => Decider::Measuring(Box::new(Metered::new(play.trace(), play.seed()))),
                Way::Ring => Decider::Blind(BalancerKind::Ring.balancer(play.trace())),
                Way::Stateless => Decider::Blind(Box::new(Anywhere)),
            },
        }
    }
}

impl Balancer for Placement<'_> {
    fn decide(
        &mut self,
        world: &TraceState<'_>,
        moment: Moment,
        stopwatch: &mut Stopwatch<'_>,
    ) -> Option<OwnershipMap> {
        let served = self.serving.until(moment.at_ms);
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

/// No affinity: every pod serves every key.
struct Anywhere;

impl Balancer for Anywhere {
    fn decide(&mut self, world: &TraceState<'_>, _: Moment, _: &mut Stopwatch<'_>) -> Option<OwnershipMap> {
        let everyone = || OwnershipMap::from_starts([(SliceKey::EMPTY, world.live().collect())]);
        world.has_new_pods().then(everyone)
    }
}
