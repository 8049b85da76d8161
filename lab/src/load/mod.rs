//! Load: which request is due when, the clients that send it, and what is counted.

mod clients;
mod driver;
mod failure_kind;
mod hot_key;
mod objects;
mod run;
mod schedule;

pub use self::clients::Clients;
pub(crate) use self::driver::{drive, send};
pub(crate) use self::hot_key::HotKeyPlan;
pub use self::objects::write_missing;
pub(crate) use self::run::LoadRun;
pub use self::schedule::{Pace, Schedule, ScheduledRequest};
