//! The brain of the clerk: which pod a request goes to, and whether it may go a second time.
//!
//! Everything here is asked on the path of a request, so there is no step and no driver: [`RoutingTable`] is an
//! immutable snapshot and so is the [`Overlay`] of what pods said since, [`pick`] is a function, and [`RetryBudget`] is
//! asked only when something went wrong.

mod overlay;
mod pick;
mod retry_budget;
mod routing_table;

pub use overlay::{Overlay, OwnerHint};
pub use pick::{PodScore, Rank, pick};
pub use retry_budget::{RetryBudget, RetryBudgetSettings};
pub use routing_table::{Route, RoutingTable};
