//! Load: how much work the keys cause, and where. Read `README.md` beside this file for how it is measured.
//!
//! ```text
//! LoadReport, one a pod --LoadHistory--> LoadMap --> the balancer
//! ```

mod amount;
mod demand;
mod estimate;
pub(crate) mod half_life;
mod history;
mod load_map;
mod partition;
mod report;

pub use amount::Load;
pub use demand::Demand;
pub use history::LoadHistory;
pub use load_map::LoadMap;
pub(crate) use partition::load_map_of;
pub use report::{KeyLoad, LoadReport, SliceLoad};
