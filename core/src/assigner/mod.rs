//! The brain of the assigner.
//!
//! [`TargetBrain`] decides for one target while its member leads: sessions, heartbeats and load reports are its
//! [`TargetEvent`]s, proposals and orders to slicelets its [`TargetAction`]s. [`ClusterState`] is replicated by Raft and
//! changed by one [`Change`] at a time.

mod brain;
mod cluster;
mod decision_inputs;
mod event;
mod explanation;
mod flap_damping;
mod handoff;
mod health;
mod journal;
mod load_summary;
mod mass_failure;
mod mass_failure_guard;
mod pacing;
mod pod_health;
mod pod_loads;
mod pod_sessions;
mod poison;
mod probe;
mod query;
mod recording;
mod rolling_update;
mod store_budget;
mod target_settings;
#[cfg(test)]
mod tests;
mod trouble;

pub use brain::TargetBrain;
pub use cluster::{Applied, Change, ChangeKind, ClusterState, MARKS_MAX, PodRecord, Rejection, TargetState};
pub use decision_inputs::DecisionInputs;
pub use event::{SessionId, TargetAction, TargetEvent};
pub use explanation::{DecisionStatus, Explanation};
pub use journal::{AppliedDecision, ReportWithMoves};
pub use load_summary::{LoadSummary, PodLoadSummary};
pub use pacing::KeepReason;
pub use pod_loads::PodLoads;
pub use probe::{PROBE_DEADLINE, ProbeOutcome};
pub use query::{Query, QueryId, QueryReply};
pub use recording::{BrainId, RECORDING_HEADER, RecordingEntry, StateChange};
pub use target_settings::{
    HandoffSettings, HealthSettings, PacingSettings, SettingError, StoreSettings, TargetSettings,
};
pub use trouble::{Alarm, Trouble};
