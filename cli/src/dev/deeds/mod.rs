//! What operators and accidents do to a cluster, a file for each deed.

mod args;
mod drain;
mod hot_key;
mod kill_assigners;
mod kill_leader;
mod kill_pod;
mod rolling_restart;
mod scale;
mod scene;
mod settling;
mod spell;

pub(crate) use self::args::DeedArgs;
pub(super) use self::drain::drain_pods;
pub(super) use self::hot_key::watch_hot_key;
pub(super) use self::kill_assigners::kill_assigners;
pub(super) use self::kill_leader::kill_leaders;
pub(super) use self::kill_pod::kill_pods;
pub(super) use self::rolling_restart::restart_pods;
pub(super) use self::scale::scale;
pub(super) use self::scene::{Scene, ticks};
pub(super) use self::spell::{halt_pods, partition_pods};
