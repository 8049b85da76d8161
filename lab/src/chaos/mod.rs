//! Disruptions of a cluster under load, a file each.
//!
//! ```text
//! supervisor --+--> periodic: kill_pod, kill_leader, drain, pod_faults   inject, wait, heal, again
//!              +--> once:     rolling_restart, scale, kill_assigners      step by step, each when the last has settled
//!              +--> hot_key:  measures the time until the load is balanced
//!              +--> a process that ends unexpectedly is a failure of the run
//! ```
//!
//! All begin after the warm-up. They share the cluster behind a lock.

mod context;
mod disruption;
mod drain;
mod hot_key;
mod kill_assigners;
mod kill_leader;
mod kill_pod;
mod pod_faults;
mod rolling_restart;
mod scale;
mod settings;
mod settling;
mod supervisor;

pub(crate) use self::context::ChaosContext;
pub use self::settings::{ChaosSettings, RecurringFault};
pub(crate) use self::supervisor::supervise;
