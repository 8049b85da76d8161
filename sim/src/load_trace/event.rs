//! One line of a load trace after the first.

use emberkeep_core::load::Load;
use emberkeep_core::pod::PodName;

/// Something that happens to the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceEvent {
    /// When, in milliseconds since the trace began.
    pub at_ms: u64,
    /// What.
    pub what: TraceEventKind,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TraceEventKind {
    /// Pods join.
    PodsAdded(Vec<PodName>),
    /// Pods are gone without notice.
    PodsCrashed(Vec<PodName>),
    /// Pods stop as planned.
    PodsDrained(Vec<PodName>),
    /// Keys, by their position in the key space, get another load; none removes the key.
    LoadSet(Vec<(u64, Load)>),
    /// The trace is over.
    End,
}
