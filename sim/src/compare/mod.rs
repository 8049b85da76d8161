//! Comparing balancers: what is seen of each of them over time, and a page that shows it.
//!
//! ```text
//! Tick --> Recorder --> Run      one balancer on one trace: its figures, and curves of at most 720 points
//!                        |
//!            Comparison --+--> Page --> HTML in one file, readable without a network
//! ```

mod bands;
mod comparison;
mod curves;
mod page;
mod recorder;

pub use bands::Bands;
pub use comparison::{Comparison, Run};
pub use curves::Curves;
pub use page::page;
pub use recorder::Recorder;

#[cfg(test)]
mod tests;
