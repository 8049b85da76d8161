//! Observing a simulated cluster: balance, moves, outages and warm keys by the true loads, not by the measured ones.

mod balance_meter;
mod churn;
mod cold_keys;
pub(crate) mod figures;
mod movement_meter;
mod movement_totals;
#[expect(clippy::module_inception, reason = "an observer is what this module is about")]
mod observer;
mod recovery;
mod timeline;
mod tolerance_band;

pub(crate) use balance_meter::BalanceMeter;
pub use churn::Churn;
pub(crate) use cold_keys::ColdKeys;
pub(crate) use movement_meter::MovementMeter;
pub use movement_totals::{CauseTotals, MovementTotals};
pub use observer::Observer;
pub use recovery::{Recoveries, Recovery};
pub use timeline::{NoteKind, TimelineNote};
pub(crate) use timeline::{Timeline, timeline_text};
pub(crate) use tolerance_band::by_weight;
pub use tolerance_band::{BalanceSample, ToleranceBand};
