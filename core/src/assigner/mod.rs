//! The brain of the assigner.
//!
//! [`TargetBrain`] decides for one target while its member leads: sessions, heartbeats and load reports are its
//! [`TargetEvent`]s, proposals and orders to slicelets its [`TargetAction`]s. [`ClusterState`] is replicated by Raft and
//! changed by one [`Change`] at a time.

mod activity;
mod brain;
mod cluster;
mod decision_history;
mod decision_inputs;
mod event;
mod explanation;
mod flap_damping;
mod handoff;
mod health;
mod incident;
mod journal;
mod key_space_bands;
mod load_summary;
mod mass_failure;
mod mass_failure_guard;
mod overview;
mod pacing;
mod past_move;
mod pod_explanation;
mod pod_health;
mod pod_loads;
mod pod_sessions;
mod poison;
mod probe;
mod prospect;
mod query;
mod recording;
mod rolling_update;
mod slice_explanation;
mod store_budget;
mod subject_explanation;
mod target_settings;
#[cfg(test)]
mod tests;
mod trouble;

pub use activity::{MoveActivity, PodActivity, TargetActivity};
pub use brain::TargetBrain;
pub use cluster::{Applied, Change, ChangeKind, ClusterState, MARKS_MAX, PodRecord, Rejection, TargetState};
pub use decision_history::{AppliedDecision, DecisionHistory};
pub use decision_inputs::DecisionInputs;
pub use event::{SessionId, TargetAction, TargetEvent};
pub use explanation::{DecisionStatus, Explanation};
pub use handoff::WarmingProgress;
pub use incident::{Incident, IncidentKind};
pub use journal::ReportWithMoves;
pub use key_space_bands::{KeyBand, KeySpaceBands, OwnedHotKey};
pub use load_summary::{LoadSummary, PodLoadSummary};
pub use overview::{PodCondition, TargetOverview};
pub use pacing::KeepReason;
pub use past_move::PastMoveOfSlice;
pub use pod_explanation::PodExplanation;
pub use pod_loads::PodLoads;
pub use probe::{PROBE_DEADLINE, ProbeOutcome};
pub use prospect::{PodBand, Prospect};
pub use query::{Query, QueryId, QueryReply};
pub use recording::{BrainId, RECORDING_HEADER, RecordingEntry, StateChange};
pub use slice_explanation::{ExplainedReplica, SliceExplanation};
pub use subject_explanation::{Subject, SubjectError, SubjectExplanation};
pub use target_settings::{
    HandoffSettings, HealthSettings, PacingSettings, SettingError, StoreSettings, TargetSettings,
};
pub use trouble::{Alarm, Trouble};
