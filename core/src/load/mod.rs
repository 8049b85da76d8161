//! Load: how much work the keys cause, and where.

mod amount;
mod load_map;
mod report;

pub use amount::Load;
pub use load_map::LoadMap;
pub use report::LoadReport;
