//! The play: requests and pods, ready to be placed in one way after the other.

use std::convert::Infallible;
use std::time::Duration;

use emberkeep_core::balancer::Imbalance;
use emberkeep_core::load::Load;

use super::arrivals::{Arrival, Arrivals, TICK_MS};
use super::figures::{Figures, Moved};
use super::placement::Placement;
use super::{Plan, PlanError, Way};
use crate::load_trace::{LoadTrace, TraceConfig, TraceEvent, TraceEventKind};
use crate::replay::{ReplayTick, replay};
use crate::workload::RequestTrace;

/// What happens, whoever places the keys: each request, and each pod that comes or goes.
pub struct Play {
    /// The load that requests make in each tick, for the score, and the pods.
    trace: LoadTrace,
    arrivals: Vec<Arrival>,
    room_bytes: u64,
    value_bytes: u64,
    seed: u64,
}

impl Play {
    /// Plays requests as planned.
    ///
    /// # Errors
    /// Where the plan cannot be, or does not fit the requests.
    pub fn try_new(requests: &RequestTrace, plan: &Plan) -> Result<Self, PlanError> {
        plan.check()?;
        let arrivals = Arrivals::of(requests, plan.speed_milli);
        let end_ms = arrivals.end_ms();
        if end_ms > END_MS_MAX {
            return Err(PlanError::TooLong);
        }
        let mut events = plan.events.happening(plan.pod_count, end_ms)?;
        events.extend(arrivals.load_events());
        events.sort_by_key(|event| event.at_ms);
        events.push(TraceEvent {
            at_ms: end_ms,
            what: TraceEventKind::End,
        });
        Ok(Self {
            trace: LoadTrace::of_events(config(plan, &arrivals), events),
            room_bytes: plan.room_bytes(arrivals.positions.len()),
            arrivals: arrivals.arrivals,
            value_bytes: plan.value_bytes,
            seed: plan.seed,
        })
    }

    /// Serves all requests, with keys placed in this way. `reached` is told now and then how much of the run is over,
    /// in milliseconds. The same play and way lead to the same figures.
    pub fn run(&self, way: Way, reached: &mut dyn FnMut(u64)) -> Figures {
        let mut placement = Placement::new(self, way);
        let mut moved = Moved::default();
        let mut watch = |tick: &ReplayTick<'_>| {
            moved.add(tick.score);
            reached(tick.at_ms);
            Ok::<(), Infallible>(())
        };
        // Nothing here depends on how long a decision takes, so no time is taken.
        let Ok(_) = replay(&self.trace, &mut placement, &mut || Duration::ZERO, &mut watch);
        placement.serving.until(self.end_ms());
        Figures::of(way, placement.serving.tally(), moved, self.end_ms())
    }

    /// How many requests come.
    #[must_use]
    pub fn request_count(&self) -> usize {
        self.arrivals.len()
    }

    /// How many keys they ask for.
    #[must_use]
    pub fn key_count(&self) -> usize {
        self.trace.keys().len()
    }

    /// When the last request has come, in milliseconds since the run began.
    #[must_use]
    pub fn end_ms(&self) -> u64 {
        self.trace.end_ms()
    }

    /// How many values each pod can keep warm.
    #[must_use]
    pub fn room(&self) -> u64 {
        self.room_bytes / self.value_bytes
    }

    pub(super) fn trace(&self) -> &LoadTrace {
        &self.trace
    }

    pub(super) fn arrivals(&self) -> &[Arrival] {
        &self.arrivals
    }

    pub(super) fn room_bytes(&self) -> u64 {
        self.room_bytes
    }

    pub(super) fn value_bytes(&self) -> u64 {
        self.value_bytes
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }
}

/// Longer runs are a slip, in the speed or in the recording.
const END_MS_MAX: u64 = 31 * 24 * 3_600_000;

fn config(plan: &Plan, arrivals: &Arrivals) -> TraceConfig {
    // Pods that are half full leave room for those that fail, and for noise.
    let twice_the_mean = || arrivals.mean_load().share(2, plan.pod_count.into());
    TraceConfig {
        max_load_hint: plan.capacity.unwrap_or_else(twice_the_mean).max(Load::from_milli(1)),
        imbalance: Imbalance::Default,
        min_replicas: 1,
        max_replicas: plan.replicas_max,
        decide_every: Duration::from_millis(TICK_MS),
    }
}
