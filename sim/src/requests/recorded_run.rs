//! The recorded run: requests and pod events that every placement policy replays.

use std::time::Duration;

use emberkeep_core::balancer::Imbalance;
use emberkeep_core::load::Load;

use super::arrival_schedule::{Arrival, ArrivalSchedule, TICK_MS};
use super::plan_error::PlanError;
use super::replay_plan::ReplayPlan;
use crate::load_trace::{LoadTrace, TraceConfig, TraceEvent, TraceEventKind};
use crate::workload::RequestTrace;

/// Requests with their times, and the pods that serve them.
pub(super) struct RecordedRun {
    /// The load of the requests in each tick, for the score, and the events of the pods.
    pub(super) trace: LoadTrace,
    /// All requests, ordered by time.
    pub(super) arrivals: Vec<Arrival>,
    /// Warm capacity of each pod.
    pub(super) room_bytes: u64,
    pub(super) value_bytes: u64,
    pub(super) seed: u64,
}

/// The longest run; a longer one is taken for a mistake in the speed or in the recording.
const END_MS_MAX: u64 = 31 * 24 * 3_600_000;

impl RecordedRun {
    pub(super) fn try_new(requests: &RequestTrace, plan: &ReplayPlan) -> Result<Self, PlanError> {
        plan.check()?;
        let schedule = ArrivalSchedule::of(requests, plan.speed_milli);
        let end_ms = schedule.end_ms();
        if end_ms > END_MS_MAX {
            return Err(PlanError::TooLong);
        }
        let mut events = plan.events.timeline(plan.pod_count, end_ms)?;
        events.extend(schedule.load_events());
        events.sort_by_key(|event| event.at_ms);
        events.push(TraceEvent {
            at_ms: end_ms,
            what: TraceEventKind::End,
        });
        Ok(Self {
            trace: LoadTrace::of_events(config(plan, &schedule), events),
            room_bytes: plan.room_bytes(schedule.positions.len()),
            arrivals: schedule.arrivals,
            value_bytes: plan.value_bytes,
            seed: plan.seed,
        })
    }
}

fn config(plan: &ReplayPlan, schedule: &ArrivalSchedule) -> TraceConfig {
    // Pods that are half full have room for the load of failed ones, and for noise.
    let twice_the_mean = || schedule.mean_load().share(2, plan.pod_count.into());
    TraceConfig {
        max_load_hint: plan.capacity.unwrap_or_else(twice_the_mean).max(Load::from_milli(1)),
        imbalance: Imbalance::Default,
        min_replicas: 1,
        max_replicas: plan.replicas_max,
        decide_every: Duration::from_millis(TICK_MS),
    }
}
