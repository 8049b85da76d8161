//! The parser of operations: `crash pod-3 for 5s`, `hot key 30%`.

use emberkeep_core::balancer::Imbalance;
use emberkeep_core::load::Load;
use emberkeep_core::pod::{PodName, Weight};

use super::ScenarioFault;
use super::scenario_op::{PodSelector, ScenarioOp, Setting};
use super::word_reader::{WordReader, unexpected};
use crate::cluster::Fault;

/// The verbs, for the error of an unknown one.
const OPS: &str = "crash, lose, freeze, cut, drain, start, add, replace, restart, hot, crowd, move, load, wave, calm, \
                     change, release or set";

/// The key of `hot key 30%`, which names none.
const HOT_KEY: u64 = 1;

/// The highest rank of a key.
pub(super) const KEY_MAX: u64 = 10_000_000;

/// Parses the operation in the rest of the line.
pub(super) fn parse_op(reader: &mut WordReader<'_>) -> Result<ScenarioOp, ScenarioFault> {
    let verb = reader.next(OPS)?;
    match verb {
        "crash" => inject(reader, Fault::Kill),
        "lose" => inject(reader, Fault::Lose),
        "cut" => inject(reader, Fault::CutOff),
        "drain" => inject(reader, Fault::Drain),
        "start" => inject(reader, Fault::Start),
        "freeze" if reader.accept("assignment") => Ok(ScenarioOp::Freeze(true)),
        "freeze" => inject(reader, Fault::Freeze),
        "release" => reader.expect("assignment").map(|()| ScenarioOp::Freeze(false)),
        "add" => add(reader),
        "replace" => reader.expect("next pod").map(|()| ScenarioOp::ReplaceNext),
        "restart" if reader.accept("next") => reader.expect("pod").map(|()| ScenarioOp::RestartNext),
        "restart" => inject(reader, Fault::Start),
        "hot" if reader.accept("range") => hot_range(reader),
        "hot" => hot_key(reader),
        "crowd" => crowd(reader),
        "move" => {
            reader.expect("range by")?;
            let by = reader.percent(1, 99)?;
            Ok(ScenarioOp::MoveRange { by })
        }
        "load" => reader.percent(0, 10_000).map(|to| ScenarioOp::Scale { to }),
        "wave" => {
            let by = reader.percent(1, 99)?;
            reader.expect("over")?;
            let period = reader.duration()?;
            Ok(ScenarioOp::Wave { by, period })
        }
        "calm" => Ok(ScenarioOp::Calm),
        "change" => reader.expect("leader").map(|()| ScenarioOp::ChangeLeader),
        "set" => setting(reader).map(ScenarioOp::Set),
        other => Err(unexpected(other, OPS)),
    }
}

fn inject(reader: &mut WordReader<'_>, fault: Fault) -> Result<ScenarioOp, ScenarioFault> {
    let pods = pods(reader)?;
    let lasts = match reader.accept("for") {
        true => Some(reader.duration()?),
        false => None,
    };
    Ok(ScenarioOp::Inject { pods, fault, lasts })
}

fn pods(reader: &mut WordReader<'_>) -> Result<PodSelector, ScenarioFault> {
    if reader.accept("zone") {
        return Ok(PodSelector::InZone(reader.name("a zone")?.to_owned()));
    }
    if reader.accept("owner") {
        reader.expect("of key")?;
        let key = reader.number("a key", 1, KEY_MAX)?;
        return Ok(PodSelector::OwnersOf { key });
    }
    let mut named = Vec::new();
    while named.is_empty() || reader.peek().is_some_and(|word| word != "for") {
        let allowed = "pods as pod-3, zone NAME, or owner of key NUMBER";
        named.push(reader.read(allowed, |word| {
            let number = word.strip_prefix("pod-")?;
            number.parse::<u32>().ok()?;
            PodName::try_new(word).ok()
        })?);
    }
    Ok(PodSelector::Named(named))
}

fn add(reader: &mut WordReader<'_>) -> Result<ScenarioOp, ScenarioFault> {
    let count = reader.number("a number of pods", 1, 10_000)?;
    reader.read("pods", |word| matches!(word, "pod" | "pods").then_some(()))?;
    let zone = match reader.accept("zone") {
        true => Some(reader.name("a zone")?.to_owned()),
        false => None,
    };
    let weight = match reader.accept("weight") {
        true => Some(weight(reader)?),
        false => None,
    };
    Ok(ScenarioOp::Add { count, zone, weight })
}

/// Parses a pod's weight, `1.5`.
pub(super) fn weight(reader: &mut WordReader<'_>) -> Result<Weight, ScenarioFault> {
    let thousandths = reader.thousandths("a weight", 1, Weight::MAX.thousandths().into())?;
    let weight = u32::try_from(thousandths).ok().and_then(Weight::from_thousandths);
    Ok(weight.expect("the number is within the bounds of weights"))
}

fn hot_key(reader: &mut WordReader<'_>) -> Result<ScenarioOp, ScenarioFault> {
    reader.expect("key")?;
    let is_named = reader.peek().is_some_and(|word| !word.ends_with('%'));
    let key = match is_named {
        true => reader.number("a key", 1, KEY_MAX)?,
        false => HOT_KEY,
    };
    let share = reader.percent(0, 95)?;
    Ok(ScenarioOp::HotKey { key, share })
}

fn crowd(reader: &mut WordReader<'_>) -> Result<ScenarioOp, ScenarioFault> {
    let key_count = reader.number("a number of keys", 1, KEY_MAX)?;
    reader.expect("keys")?;
    let share = reader.percent(1, 1_000)?;
    let fades_over = match reader.accept("fading") {
        true => reader.expect("over").and_then(|()| reader.duration()).map(Some)?,
        false => None,
    };
    Ok(ScenarioOp::Crowd {
        key_count,
        share,
        fades_over,
    })
}

fn hot_range(reader: &mut WordReader<'_>) -> Result<ScenarioOp, ScenarioFault> {
    reader.expect("from")?;
    let from = reader.percent(0, 99)?;
    reader.expect("to")?;
    let to = reader.percent(from / 10 + 1, 100)?;
    reader.expect("with")?;
    let share = reader.percent(1, 95)?;
    Ok(ScenarioOp::HotRange { from, to, share })
}

fn setting(reader: &mut WordReader<'_>) -> Result<Setting, ScenarioFault> {
    let allowed = "imbalance, replicas or capacity";
    match reader.next(allowed)? {
        "imbalance" => imbalance(reader).map(Setting::Imbalance),
        "replicas" => replicas(reader).map(|(min, max)| Setting::Replicas { min, max }),
        "capacity" => capacity(reader).map(Setting::Capacity),
        other => Err(unexpected(other, allowed)),
    }
}

/// Parses `tight`, `default` or `loose`.
pub(super) fn imbalance(reader: &mut WordReader<'_>) -> Result<Imbalance, ScenarioFault> {
    reader.read("tight, default or loose", |word| match word {
        "tight" => Some(Imbalance::Tight),
        "default" => Some(Imbalance::Default),
        "loose" => Some(Imbalance::Loose),
        _ => None,
    })
}

/// Parses a range of replicas, `1..4`.
pub(super) fn replicas(reader: &mut WordReader<'_>) -> Result<(u32, u32), ScenarioFault> {
    let (min, max) = reader.range(1, 100)?;
    Ok((min as u32, max as u32))
}

/// Parses a load in units a second.
pub(super) fn capacity(reader: &mut WordReader<'_>) -> Result<Load, ScenarioFault> {
    reader
        .thousandths("units a second", 1, 1_000_000_000_000)
        .map(Load::from_milli)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(line: &str) -> Result<ScenarioOp, String> {
        let mut reader = WordReader::of(line);
        let read = parse_op(&mut reader).and_then(|op| reader.end().map(|()| op));
        read.map_err(|fault| fault.to_string())
    }

    #[test]
    fn every_op_is_parsed() {
        let named =
            |names: &[&str]| PodSelector::Named(names.iter().map(|name| PodName::try_new(name).unwrap()).collect());
        let inject = |pods, fault, seconds: Option<u64>| ScenarioOp::Inject {
            pods,
            fault,
            lasts: seconds.map(Duration::from_secs),
        };
        for (line, op) in [
            (
                "crash pod-3 pod-4 for 5s",
                inject(named(&["pod-3", "pod-4"]), Fault::Kill, Some(5)),
            ),
            (
                "lose zone b",
                inject(PodSelector::InZone("b".into()), Fault::Lose, None),
            ),
            (
                "crash owner of key 7",
                inject(PodSelector::OwnersOf { key: 7 }, Fault::Kill, None),
            ),
            ("freeze pod-1 for 2s", inject(named(&["pod-1"]), Fault::Freeze, Some(2))),
            ("freeze assignment", ScenarioOp::Freeze(true)),
            ("restart pod-0", inject(named(&["pod-0"]), Fault::Start, None)),
            ("restart next pod", ScenarioOp::RestartNext),
            (
                "add 1 pod",
                ScenarioOp::Add {
                    count: 1,
                    zone: None,
                    weight: None,
                },
            ),
            ("hot key 30%", ScenarioOp::HotKey { key: 1, share: 300 }),
            ("hot key 12 0.5%", ScenarioOp::HotKey { key: 12, share: 5 }),
            (
                "hot range from 20% to 25% with 40%",
                ScenarioOp::HotRange {
                    from: 200,
                    to: 250,
                    share: 400,
                },
            ),
            ("load 150%", ScenarioOp::Scale { to: 1_500 }),
            (
                "set replicas 1..3",
                ScenarioOp::Set(Setting::Replicas { min: 1, max: 3 }),
            ),
        ] {
            assert_eq!(read(line), Ok(op), "{line}");
        }
    }

    #[test]
    fn an_error_states_what_is_allowed() {
        for (line, fault) in [
            ("explode", "expected crash, lose"),
            (
                "crash three",
                "expected pods as pod-3, zone NAME, or owner of key NUMBER",
            ),
            ("crash", "expected pods as pod-3"),
            ("hot key 96%", "expected a share from 0% to 95%"),
            ("add 0 pods", "from 1 to 10000"),
            ("replace pod-3", "unexpected \"pod-3\", expected next pod"),
            ("set colour red", "expected imbalance, replicas or capacity"),
            ("calm down", "unexpected \"down\", expected the end of the line"),
        ] {
            let found = read(line).unwrap_err();
            assert!(found.contains(fault), "{line}: {found}");
        }
    }
}
