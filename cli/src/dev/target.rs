//! The settings of the demo's target in a run.

use emberkeep_proto::pb;

use super::args::DevArgs;
use super::schedule::Schedule;
use crate::exit::Failure;

/// More load than a machine like this can make: slices move because pods come and go, and for no other reason.
const MAX_LOAD_HINT_MILLI: u64 = 1_000_000_000;
/// How many pods may share a key that gets hot.
const HOT_REPLICAS: u32 = 4;
/// What a pod can carry, in its shares of the whole load as it is without the hot key.
const HOT_CAPACITY: f64 = 1.5;

/// What the run needs. Where a key gets hot, pods can carry so little that the balancer has to act.
pub(super) fn settings_of(args: &DevArgs, schedule: &Schedule) -> Result<pb::TargetSettings, Failure> {
    let settings = match args.deeds.hot_key {
        None => pb::TargetSettings {
            max_load_hint_milli: Some(MAX_LOAD_HINT_MILLI),
            max_replicas: Some(1),
            ..Default::default()
        },
        Some(_) => pb::TargetSettings {
            max_load_hint_milli: Some(hint_of(schedule, args.pods)?),
            max_replicas: Some(HOT_REPLICAS),
            ..Default::default()
        },
    };
    Ok(pb::TargetSettings {
        transfer: Some(!args.no_transfer),
        ..settings
    })
}

fn hint_of(schedule: &Schedule, pods: u16) -> Result<u64, Failure> {
    let load = schedule.load_milli_per_second();
    let load = load.ok_or_else(|| Failure::bad_input("--hot-key needs a pace: give --rate, or a --speed above 0"))?;
    Ok((load * HOT_CAPACITY / f64::from(pods)).ceil().max(1.0) as u64)
}
