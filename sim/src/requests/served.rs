//! A served request: the pod that got it, and whether the pod had the value warm.

use super::arrival_schedule::Arrival;
use crate::load_trace::PodId;

/// A request, and the pod that served it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Served {
    pub(super) arrival: Arrival,
    pub(super) pod: PodId,
}

/// The result of looking up the value of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueLookup {
    /// The value is warm.
    Hit,
    /// The value is not warm in this pod, and the key was requested before.
    Miss,
    /// The first request for the key, so no pod can have the value warm.
    Cold,
}
