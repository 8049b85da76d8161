//! The brain of the assigner.
//!
//! [`ClusterState`] is what Raft replicates, changed by one [`Change`] at a time.

mod cluster;
mod target_settings;

pub use cluster::{Applied, Change, ChangeKind, ClusterState, PodRecord, Rejection, TargetState};
pub use target_settings::{HandoffSettings, HealthSettings, PacingSettings, SettingError, TargetSettings};
