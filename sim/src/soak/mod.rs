//! Soaking: random clusters in random disturbance, and what must hold whatever happens.
//!
//! ```text
//! seed --> Case: a shape and a list of disturbances --Trial--> Cluster, InvariantChecker (invariants) --> InvariantViolation?
//!                                                             shrink: fewer disturbances, broken still
//! ```

mod case;
mod decisions;
mod disturbance;
mod invariant_checker;
mod shape;
mod shrink;
#[expect(clippy::module_inception, reason = "a soak is what this module is about")]
mod soak;
mod trial;

pub use case::Case;
pub use invariant_checker::InvariantViolation;
pub use soak::{SoakFailure, SoakReport, soak};
pub use trial::SETTLE;
