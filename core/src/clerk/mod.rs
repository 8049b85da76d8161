//! The brain of the clerk: picks the pod for a request, and limits retries.
//!
//! All of it is on the path of a request, so there is no step and no driver: [`RoutingTable`] is an immutable snapshot and so
//! is the [`Overlay`] of newer hints from pods, [`pick()`] is a function, and [`RetryBudget`] is used only after a failed
//! attempt.

mod overlay;
mod pick;
mod retry_budget;
mod routing_table;

pub use overlay::{Overlay, OwnerHint};
pub use pick::{PodScore, Rank, pick};
pub use retry_budget::{RetryBudget, RetryBudgetSettings};
pub use routing_table::{Route, RoutingTable};
