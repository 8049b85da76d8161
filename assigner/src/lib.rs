//! The control plane: Raft, sessions, watches and the admin service around the assigner brain.
//!
//! ```text
//! slicelets --sessions--> desk --TargetEvent--> driver: core::assigner::TargetBrain --TargetAction--> hands
//!                          ^                  ^                                             | Propose
//!                          | let exit, close  | Applied                                     v
//!                          +------ hands      +---- leader <---- applied state ---- raft (all members)
//! slicelets, clerks <--diffs-- assignments <---------------------------+
//! ```
//!
//! [`Assigner::start`] runs one member. What a member knows beyond the replicated state (sessions, load, health) is
//! held by the brains that [`raft::Member`]'s leader drives, and ends with its term.

mod admin;
mod assigner;
mod assignments;
mod config;
mod desk;
mod error;
mod hands;
mod inquiry;
mod leader;
mod metrics;
mod probe;
pub mod raft;
mod recorder;
mod refusal;
mod reports;
mod sessions;

pub use assigner::Assigner;
pub use config::AssignerConfig;
pub use error::AssignerError;
#[doc(hidden)]
pub use metrics::metric_descriptions;
