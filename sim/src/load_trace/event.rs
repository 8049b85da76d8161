//! An event of a load trace: one line after the first.

use emberkeep_core::load::Load;
use emberkeep_core::pod::PodName;

/// A change of the target's pods or loads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceEvent {
    /// In milliseconds since the trace began.
    pub at_ms: u64,
    /// The change, or the end of the trace.
    pub what: TraceEventKind,
}

/// The kinds of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TraceEventKind {
    /// The names of pods that join.
    PodsAdded(Vec<PodName>),
    /// Pods that crash without notice.
    PodsCrashed(Vec<PodName>),
    /// Pods that drain as planned.
    PodsDrained(Vec<PodName>),
    /// New loads of keys, by position in the key space; 0 removes the key.
    LoadSet(Vec<(u64, Load)>),
    /// The end of the trace.
    End,
}
