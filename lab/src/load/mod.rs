//! Load: the schedule of requests, the clients that send them, and their counters.

mod clients;
mod driver;
mod failure_kind;
mod hot_key;
mod objects;
mod run;
mod schedule;
mod viewers;

pub use self::clients::Clients;
pub(crate) use self::driver::{drive, send};
pub(crate) use self::hot_key::HotKeyPlan;
pub use self::objects::write_missing;
pub(crate) use self::run::LoadRun;
pub use self::schedule::{Pace, Schedule, ScheduledRequest};
pub use self::viewers::{
    Viewers, ample_deadline, ample_deadline_and_retries, denies_ownership, view, wait_until_assigned, wait_until_owned,
};
