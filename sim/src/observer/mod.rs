//! Observing a simulated cluster: balance, moves and outages by the true loads, not by the measured ones.

mod churn;
mod movement_totals;
#[expect(clippy::module_inception, reason = "an observer is what this module is about")]
mod observer;
mod recovery;
mod tolerance_band;

pub use churn::Churn;
pub use movement_totals::{CauseTotals, MovementTotals};
pub use observer::Observer;
pub use recovery::{Recoveries, Recovery};
pub use tolerance_band::{BalanceSample, ToleranceBand};
