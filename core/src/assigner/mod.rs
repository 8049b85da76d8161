//! The brain of the assigner.
//!
//! [`TargetBrain`] decides for one target while its member leads: sessions, health and load come in as [`TargetEvent`]s,
//! proposals go out as [`TargetAction`]s. [`ClusterState`] is what Raft replicates, changed by one [`Change`] at a time.

mod brain;
mod cluster;
mod event;
mod flap_damping;
mod handoff;
mod health;
mod journal;
mod mass_failure;
mod mass_failure_guard;
mod pacing;
mod pod_loads;
mod pod_sessions;
mod poison;
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
pub use event::{SessionId, TargetAction, TargetEvent};
pub use health::{PROBE_DEADLINE, ProbeOutcome};
pub use journal::{AppliedDecision, ReportWithMoves};
pub use pacing::KeepReason;
pub use pod_loads::PodLoads;
pub use query::{DecisionInputs, DecisionStatus, Explanation, Query, QueryId, QueryReply};
pub use recording::{BrainId, RECORDING_HEADER, RecordingEntry, StateChange};
pub use target_settings::{
    HandoffSettings, HealthSettings, PacingSettings, SettingError, StoreSettings, TargetSettings,
};
pub use trouble::{Alarm, Trouble};
