//! Validation of a line: exactly the fields of its event, with values in range.

use std::time::Duration;

use emberkeep_core::balancer::Imbalance;
use emberkeep_core::load::Load;

use super::trace_line::{EventName, HexKey, ImbalanceName, JsonLoad, TraceLine};
use super::{LoadTraceFault, TraceConfig, TraceEventKind};

/// The configuration in the first line.
pub(super) fn config_of(line: &TraceLine) -> Result<TraceConfig, LoadTraceFault> {
    if line.event != EventName::Config {
        return Err(LoadTraceFault::NoConfig);
    }
    reject_unless(line.at_ms == 0, "at_ms of the config", line.at_ms, "0")?;
    reject_fields(line, &["pods", "loads"])?;
    let missing = |field| LoadTraceFault::Missing { event: "config", field };
    let max_load_hint = line.max_load_hint.ok_or(missing("max_load_hint"))?.load();
    let imbalance = line.imbalance.ok_or(missing("imbalance"))?;
    let min_replicas = line.min_replicas.ok_or(missing("min_replicas"))?;
    let max_replicas = line.max_replicas.ok_or(missing("max_replicas"))?;
    let decide_every_ms = line.decide_every_ms.ok_or(missing("decide_every_ms"))?;
    let has_hint = max_load_hint > Load::ZERO;
    reject_unless(has_hint, "max_load_hint", max_load_hint, "at least 0.001")?;
    reject_unless(min_replicas > 0, "min_replicas", min_replicas, "at least 1")?;
    let is_range = max_replicas >= min_replicas;
    reject_unless(is_range, "max_replicas", max_replicas, "at least min_replicas")?;
    reject_unless(decide_every_ms > 0, "decide_every_ms", decide_every_ms, "at least 1")?;
    Ok(TraceConfig {
        max_load_hint,
        imbalance: imbalance_of(imbalance),
        min_replicas,
        max_replicas,
        decide_every: Duration::from_millis(decide_every_ms),
    })
}

fn imbalance_of(name: ImbalanceName) -> Imbalance {
    match name {
        ImbalanceName::Tight => Imbalance::Tight,
        ImbalanceName::Default => Imbalance::Default,
        ImbalanceName::Loose => Imbalance::Loose,
    }
}

/// The event in a line after the first.
pub(super) fn kind_of(line: TraceLine, config: &TraceConfig) -> Result<TraceEventKind, LoadTraceFault> {
    let event = line.event.as_str();
    let missing = |field| LoadTraceFault::Missing { event, field };
    if line.event == EventName::Config {
        return Err(LoadTraceFault::SecondConfig);
    }
    reject_fields(&line, fields_rejected_by(line.event))?;
    let pods = line.pods.ok_or(missing("pods"));
    match line.event {
        EventName::PodsAdded => Ok(TraceEventKind::PodsAdded(pods?)),
        EventName::PodsCrashed => Ok(TraceEventKind::PodsCrashed(pods?)),
        EventName::PodsDrained => Ok(TraceEventKind::PodsDrained(pods?)),
        EventName::LoadSet => {
            let loads = line.loads.ok_or(missing("loads"))?;
            reject_coarse(&loads, config)?;
            let loads = loads.into_iter().map(|(position, rate)| (position.0, rate.load()));
            Ok(TraceEventKind::LoadSet(loads.collect()))
        }
        EventName::Config | EventName::End => Ok(TraceEventKind::End),
    }
}

/// Rejects loads that rounding to thousandths changes by more than 1 % of their sum and by more than 1 % of a pod's capacity.
fn reject_coarse(loads: &[(HexKey, JsonLoad)], config: &TraceConfig) -> Result<(), LoadTraceFault> {
    let in_units = |load: Load| load.milli() as f64 / 1_000.0;
    let written: f64 = loads.iter().map(|(_, rate)| rate.0).sum();
    let rounded: f64 = loads.iter().map(|(_, rate)| in_units(rate.load())).sum();
    let error = (written - rounded).abs();
    match error > 0.01 * written && error > 0.01 * in_units(config.max_load_hint) {
        true => Err(LoadTraceFault::TooFine {
            written: format!("{written:.4}"),
            rounded: format!("{rounded:.3}"),
        }),
        false => Ok(()),
    }
}

/// The fields that the event must not have.
fn fields_rejected_by(event: EventName) -> &'static [&'static str] {
    match event {
        EventName::PodsAdded | EventName::PodsCrashed | EventName::PodsDrained => &["loads", "settings"],
        EventName::LoadSet => &["pods", "settings"],
        EventName::Config => &["pods", "loads"],
        EventName::End => &["pods", "loads", "settings"],
    }
}

fn reject_fields(line: &TraceLine, fields: &[&'static str]) -> Result<(), LoadTraceFault> {
    let has_settings = line.max_load_hint.is_some()
        || line.imbalance.is_some()
        || line.min_replicas.is_some()
        || line.max_replicas.is_some()
        || line.decide_every_ms.is_some();
    let present = [
        ("pods", line.pods.is_some(), "pods_added, pods_crashed or pods_drained"),
        ("loads", line.loads.is_some(), "load_set"),
        ("settings", has_settings, "config"),
    ];
    let misplaced = present
        .into_iter()
        .find(|(field, is_present, _)| *is_present && fields.contains(field));
    match misplaced {
        None => Ok(()),
        Some((field, _, owner)) => Err(LoadTraceFault::Misplaced {
            event: line.event.as_str(),
            field: if field == "settings" {
                "setting of the target"
            } else {
                field
            },
            owner,
        }),
    }
}

fn reject_unless(
    is_allowed: bool,
    field: &'static str,
    found: impl ToString,
    allowed: &'static str,
) -> Result<(), LoadTraceFault> {
    match is_allowed {
        true => Ok(()),
        false => Err(out_of_range(field, found, allowed)),
    }
}

pub(super) fn out_of_range(field: &'static str, found: impl ToString, allowed: &'static str) -> LoadTraceFault {
    let found = found.to_string();
    LoadTraceFault::OutOfRange { field, found, allowed }
}
