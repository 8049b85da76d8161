//! Comparing balancers: curves and ownership over time, and an HTML page that plots them.
//!
//! ```text
//! ReplayTick --> RunRecorder --> BalancerRun      one balancer on one trace: figures, and curves of at most 720 points
//!                        |
//!            Comparison --+--> Page --> one HTML file that needs no network
//! ```

mod comparison;
mod curves;
mod page;
mod run_recorder;

pub use comparison::{BalancerRun, Comparison};
pub use curves::Curves;
pub use page::page;
pub use run_recorder::RunRecorder;

#[cfg(test)]
mod tests;
