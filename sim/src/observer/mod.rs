//! Observing: how well a simulated cluster does, by what is true and not by what it measures.

mod band;
mod churn;
mod cure;
#[expect(clippy::module_inception, reason = "an observer is what this module is about")]
mod observer;
mod tally;

pub use band::{Band, Reading};
pub use churn::Churn;
pub use cure::{Cure, Cures};
pub use observer::Observer;
pub use tally::{CauseTally, Tally};
