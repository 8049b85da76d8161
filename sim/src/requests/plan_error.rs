//! Errors in the plan of a request replay, and the bounds they name.

use std::time::Duration;

use thiserror::Error;

/// Most pods of a plan; more are taken for a mistake.
pub(super) const POD_COUNT_MAX: u32 = 1_000;
/// Most replicas of a slice; more are taken for a mistake.
pub(super) const REPLICAS_MAX: u32 = 100;
/// The time from the kill of a pod until its process runs again, under the same name and without warm values.
pub(super) const RESTART_TIME: Duration = Duration::from_secs(10);

/// Why a plan cannot be replayed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanError {
    /// Fewer pods than one, or more than the bound.
    #[error("there are {0} pods, it must be 1 to {POD_COUNT_MAX}, those that join counted")]
    PodCount(u32),
    /// The speed is out of bounds.
    #[error("the speed must be 0.001 to 1000")]
    Speed,
    /// The replicas are out of bounds.
    #[error("a slice may have {0} replicas, it must be 1 to {REPLICAS_MAX}")]
    Replicas(u32),
    /// The size of a value is zero.
    #[error("a value has 0 bytes, it must have at least 1")]
    ValueWithoutBytes,
    /// The capacity of a pod is zero.
    #[error("a pod can carry a load of 0, it must be above 0")]
    NoCapacity,
    /// The warm capacity is smaller than one value.
    #[error("a pod can keep {room} bytes warm, which is less than the {value} bytes of one value")]
    NoRoom {
        /// Bytes that a pod can keep warm.
        room: u64,
        /// Bytes of one value.
        value: u64,
    },
    /// The only pod would be killed.
    #[error("a pod is killed again and again, so there must be at least 2 pods")]
    LastPodKilled,
    /// A pod would be killed before the previous one has restarted.
    #[error(
        "a pod is killed every {} ms, it must be more than the {} s that a killed one takes to be back",
        .0.as_millis(),
        RESTART_TIME.as_secs()
    )]
    KilledTooOften(Duration),
    /// The run exceeds 31 days.
    #[error("the run would be longer than 31 days; play the requests faster")]
    TooLong,
    /// An event is later than the last request.
    #[error("pods are to {what} at {at_ms} ms, but the last request is at {last_ms} ms")]
    TooLate {
        /// The event of the pods, as a verb.
        what: &'static str,
        /// The time of the event.
        at_ms: u64,
        /// The time of the last request.
        last_ms: u64,
    },
}
