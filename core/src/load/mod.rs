//! Load: how much work keys cause. `README.md` beside this file describes how it is measured.
//!
//! ```text
//! LoadReport of each pod --LoadHistory--> LoadMap --> balancer
//! ```

mod amount;
mod demand;
mod estimate;
mod estimate_mean;
pub(crate) mod half_life;
mod history;
mod load_map;
mod report;

pub use amount::Load;
pub use demand::Demand;
pub(crate) use estimate_mean::load_map_of;
pub use history::LoadHistory;
pub use load_map::LoadMap;
pub use report::{KeyLoad, LoadReport, SliceLoad};
