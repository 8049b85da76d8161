//! Scenarios: a cluster, operations on it and the expected outcome, in one readable text.
//!
//! ```text
//! pods 6                      setup
//! capacity 1000
//! keys 2000 zipf 0.6
//! load 3600
//! at 2m crash pod-3           operations
//! every 30s from 3m until 5m replace next pod
//! run 6m
//! ---
//! timeline                    expected outcome
//! ...
//! ```
//!
//! Text --[`Scenario::parse`]--> setup and operations --runner--> [`SimCluster`](crate::cluster::SimCluster) and
//! [`Observer`](crate::observer::Observer) --> text of the outcome. `docs/simulator.md` describes the whole language.

mod difference;
mod error;
mod load_model;
mod parse_op;
#[expect(clippy::module_inception, reason = "a scenario is what this module is about")]
mod scenario;
mod scenario_op;
mod scenario_runner;
mod setup;
mod summary;
mod timed_op;
mod word_reader;

pub use difference::difference;
pub use error::{ScenarioError, ScenarioFault};
pub use scenario::Scenario;
