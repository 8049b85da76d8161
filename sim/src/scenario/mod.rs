//! Scenarios: a cluster, what happens to it, and what is expected to come of it, as one readable text.
//!
//! ```text
//! pods 6                      what there is
//! capacity 1000
//! keys 2000 zipf 0.6
//! load 3600
//! at 2m crash pod-3           what happens
//! every 30s from 3m until 5m replace next pod
//! run 6m
//! ---
//! timeline                    what is expected
//! ...
//! ```
//!
//! Text --[`Scenario::parse`]--> setup and steps --stage--> [`Cluster`](crate::cluster::Cluster) and
//! [`Observer`](crate::observer::Observer) --> the text of what came of it. `docs/simulator.md` has the whole language.

mod difference;
mod error;
mod figures;
mod load_model;
mod parse_op;
#[expect(clippy::module_inception, reason = "a scenario is what this module is about")]
mod scenario;
mod scenario_op;
mod scenario_runner;
mod setup;
mod summary;
mod timed_op;
mod timeline;
mod word_reader;

pub use difference::difference;
pub use error::{ScenarioError, ScenarioFault};
pub use scenario::Scenario;
