//! The control plane: Raft, sessions, watches and the admin service around the assigner brain.
//!
//! ```text
//! slicelets --sessions--> registry --TargetEvent--> driver: core::assigner::TargetBrain --TargetAction--> hands
//!                          ^                      ^                                             | Propose
//!                          | may exit, close      | Applied                                     v
//!                          +------ hands          +---- leader <---- applied state ---- raft (all members)
//! slicelets, clerks <--diffs-- assignment publisher <----------------------+
//! ```
//!
//! [`Assigner::start`] runs one member. State that is not replicated (sessions, load, health) is held by the brains of
//! the leading member, one for each target, and ends with its term.

mod admin_client;
mod admin_service;
mod admin_trace;
mod assigner;
mod assignment_publisher;
mod brain_queries;
mod config;
mod decision_trace;
mod distribution;
mod draining;
mod error;
mod hands;
mod leader;
mod load_observer;
mod measured_brain;
mod metrics;
mod page;
mod probe;
pub mod raft;
mod raft_observer;
mod recording;
mod report_service;
mod session_registry;
mod session_service;
mod status;

pub use admin_client::{AdminError, AssignerAdmin, LeadingMember};
pub use assigner::Assigner;
pub use config::AssignerConfig;
pub use draining::RemainingSlices;
pub use error::AssignerError;
#[doc(hidden)]
pub use metrics::metric_descriptions;
