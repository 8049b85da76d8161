//! The settings of the demo's target.

use emberkeep_proto::pb;

use super::settings::DevSettings;
use crate::LabError;
use crate::load::Schedule;

/// More load than one machine can produce: slices move only because pods start and end.
const MAX_LOAD_HINT_MILLI: u64 = 1_000_000_000;
/// The maximum number of pods that share a hot key.
const HOT_REPLICAS: u32 = 4;
/// The capacity of a pod, as a multiple of its share of the whole load without the hot key.
const HOT_CAPACITY: f64 = 1.5;

/// With a hot key, the pods' capacity is low enough that the balancer must act.
pub(super) fn settings_of(settings: &DevSettings, schedule: &Schedule) -> Result<pb::TargetSettings, LabError> {
    let target = match settings.chaos.hot_key {
        None => pb::TargetSettings {
            max_load_hint_milli: Some(MAX_LOAD_HINT_MILLI),
            max_replicas: Some(1),
            ..Default::default()
        },
        Some(_) => pb::TargetSettings {
            max_load_hint_milli: Some(hint_of(schedule, settings.pods)?),
            max_replicas: Some(HOT_REPLICAS),
            ..Default::default()
        },
    };
    Ok(pb::TargetSettings {
        transfer: Some(settings.transfer),
        ..target
    })
}

fn hint_of(schedule: &Schedule, pods: u16) -> Result<u64, LabError> {
    let load = schedule.load_milli_per_second();
    let load = load.ok_or_else(|| LabError::bad_input("--hot-key needs a pace: give --rate, or a --speed above 0"))?;
    Ok((load * HOT_CAPACITY / f64::from(pods)).ceil().max(1.0) as u64)
}
