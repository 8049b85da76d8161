//! Request replay: recorded requests served by simulated pods, to measure the value of key affinity.
//!
//! ```text
//! RequestTrace --ReplayPlan--> RecordedRun: arrivals, load of each tick, pods that join and leave
//!                                   |
//!   arrivals --Serving--> a pod, by the ownership --WarmValues--> hit or store read --RequestTotals--> Figures
//!                           |                                                                             ^
//!                           +--PodMeter--> LoadHistory --> balancer::decide --> the next ownership        | Scorer: moved
//! ```
//!
//! Three placement policies serve the same requests: Emberkeep's balancer on the load that pods measure; consistent
//! hashing; and pods without affinity, where any pod may get any request.

mod arrival_schedule;
mod figures;
mod metered_target;
mod placement_policy;
mod plan_error;
mod pod_events;
mod pod_meter;
mod recorded_run;
mod replay_plan;
mod request_replay;
mod request_totals;
mod served;
mod serving;
mod serving_balancer;
#[cfg(test)]
mod tests;
mod warm_values;
mod windows;

pub use figures::{FigureTable, Figures};
pub use placement_policy::PlacementPolicy;
pub use plan_error::PlanError;
pub use pod_events::{Addition, PodEvents};
pub use replay_plan::{ReplayPlan, WarmCapacity};
pub use request_replay::RequestReplay;
