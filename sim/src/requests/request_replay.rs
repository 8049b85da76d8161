//! The request replay: recorded requests, served under one placement policy after the other.

use std::convert::Infallible;
use std::time::Duration;

use super::figures::{Figures, MovedLoad};
use super::placement_policy::PlacementPolicy;
use super::plan_error::PlanError;
use super::recorded_run::RecordedRun;
use super::replay_plan::ReplayPlan;
use super::serving_balancer::ServingBalancer;
use crate::replay::{ReplayTick, replay};
use crate::workload::RequestTrace;

/// Requests and pod events, the same for every placement policy.
pub struct RequestReplay {
    run: RecordedRun,
}

impl RequestReplay {
    /// A replay of `requests` by `plan`.
    ///
    /// # Errors
    /// If the plan is out of bounds, or does not fit the requests.
    pub fn try_new(requests: &RequestTrace, plan: &ReplayPlan) -> Result<Self, PlanError> {
        let run = RecordedRun::try_new(requests, plan)?;
        Ok(Self { run })
    }

    /// Serves all requests under that policy. `reached` is called now and then with the time reached, in milliseconds. The
    /// same replay and policy lead to the same figures.
    pub fn run(&self, policy: PlacementPolicy, reached: &mut dyn FnMut(u64)) -> Figures {
        let mut balancer = ServingBalancer::new(&self.run, policy);
        let mut moved = MovedLoad::default();
        let mut watch = |tick: &ReplayTick<'_>| {
            moved.add(tick.score);
            reached(tick.at_ms);
            Ok::<(), Infallible>(())
        };
        // No figure depends on how long a decision takes, so the stopwatch always reads zero.
        let Ok(_) = replay(&self.run.trace, &mut balancer, &mut || Duration::ZERO, &mut watch);
        balancer.serving.serve_until(self.end_ms());
        Figures::of(policy, balancer.serving.totals(), moved, self.end_ms())
    }

    /// The number of requests.
    #[must_use]
    pub fn request_count(&self) -> usize {
        self.run.arrivals.len()
    }

    /// The number of different keys.
    #[must_use]
    pub fn key_count(&self) -> usize {
        self.run.trace.keys().len()
    }

    /// The time of the last request, in milliseconds since the run began.
    #[must_use]
    pub fn end_ms(&self) -> u64 {
        self.run.trace.end_ms()
    }

    /// The number of values that each pod can keep warm.
    #[must_use]
    pub fn room(&self) -> u64 {
        self.run.room_bytes / self.run.value_bytes
    }
}
