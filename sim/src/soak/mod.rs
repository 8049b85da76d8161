//! Soak tests: random clusters under random disturbances, checked against invariants.
//!
//! ```text
//! seed --> Case: a shape, disturbances --Trial--> Cluster, InvariantChecker --> InvariantViolation
//!            ^                                                                      |
//!            +------------------- shrink: fewer disturbances, still violated -------+
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
