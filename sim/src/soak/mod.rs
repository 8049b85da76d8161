//! Soaking: random clusters in random trouble, and what must hold whatever happens.
//!
//! ```text
//! seed --> Case: a shape and a list of troubles --Trial--> Cluster, Guard (invariants) --> Broken?
//!                                                             shrink: fewer troubles, broken still
//! ```

mod case;
mod decisions;
mod guard;
mod shape;
mod shrink;
#[expect(clippy::module_inception, reason = "a soak is what this module is about")]
mod soak;
mod trial;
mod trouble;

pub use case::Case;
pub use guard::Broken;
pub use soak::{Failure, Soaked, soak};
pub use trial::SETTLE;
