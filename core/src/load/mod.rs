//! Load: how much work the keys cause, and where.

mod amount;
mod demand;
mod load_map;
mod report;

pub use amount::Load;
pub use demand::Demand;
pub use load_map::LoadMap;
pub use report::LoadReport;
