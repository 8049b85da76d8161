//! Comparing balancers: what is seen of each of them over time, and a page that shows it.
//!
//! ```text
//! ReplayTick --> RunRecorder --> BalancerRun      one balancer on one trace: its figures, and curves of at most 720 points
//!                        |
//!            Comparison --+--> Page --> HTML in one file, readable without a network
//! ```

mod bands;
mod comparison;
mod curves;
mod page;
mod run_recorder;

pub use bands::Bands;
pub use comparison::{BalancerRun, Comparison};
pub use curves::Curves;
pub use page::page;
pub use run_recorder::RunRecorder;

#[cfg(test)]
mod tests;
