//! Reading what happens: `crash pod-3 for 5s`, `hot key 30%`.

use emberkeep_core::balancer::Imbalance;
use emberkeep_core::load::Load;
use emberkeep_core::pod::{PodName, Weight};

use super::ScenarioFault;
use super::scenario_op::{PodSelector, ScenarioOp, Setting};
use super::word_reader::{WordReader, unexpected};
use crate::cluster::Fault;

/// All that can happen, for whoever wrote something else.
const OPS: &str = "crash, lose, freeze, cut, drain, start, add, replace, restart, hot, crowd, move, load, wave, calm, \
                     change, release or set";

/// A key that is hot where none is named.
const HOT_KEY: u64 = 1;

/// The highest number of a key.
pub(super) const KEY_MAX: u64 = 10_000_000;

/// What the rest of the line says.
pub(super) fn op(words: &mut WordReader<'_>) -> Result<ScenarioOp, ScenarioFault> {
    let verb = words.next(OPS)?;
    match verb {
        "crash" => strike(words, Fault::Kill),
        "lose" => strike(words, Fault::Lose),
        "cut" => strike(words, Fault::CutOff),
        "drain" => strike(words, Fault::Drain),
        "start" => strike(words, Fault::Start),
        "freeze" if words.takes("assignment") => Ok(ScenarioOp::Freeze(true)),
        "freeze" => strike(words, Fault::Freeze),
        "release" => words.expect("assignment").map(|()| ScenarioOp::Freeze(false)),
        "add" => add(words),
        "replace" => words.expect("next pod").map(|()| ScenarioOp::ReplaceNext),
        "restart" if words.takes("next") => words.expect("pod").map(|()| ScenarioOp::RestartNext),
        "restart" => strike(words, Fault::Start),
        "hot" if words.takes("range") => hot_range(words),
        "hot" => hot_key(words),
        "crowd" => crowd(words),
        "move" => {
            words.expect("range by")?;
            let by = words.percent(1, 99)?;
            Ok(ScenarioOp::MoveRange { by })
        }
        "load" => words.percent(0, 10_000).map(|to| ScenarioOp::Scale { to }),
        "wave" => {
            let by = words.percent(1, 99)?;
            words.expect("over")?;
            let period = words.duration()?;
            Ok(ScenarioOp::Wave { by, period })
        }
        "calm" => Ok(ScenarioOp::Calm),
        "change" => words.expect("leader").map(|()| ScenarioOp::ChangeLeader),
        "set" => setting(words).map(ScenarioOp::Set),
        other => Err(unexpected(other, OPS)),
    }
}

fn strike(words: &mut WordReader<'_>, fault: Fault) -> Result<ScenarioOp, ScenarioFault> {
    let pods = pods(words)?;
    let lasts = match words.takes("for") {
        true => Some(words.duration()?),
        false => None,
    };
    Ok(ScenarioOp::Strike { pods, fault, lasts })
}

fn pods(words: &mut WordReader<'_>) -> Result<PodSelector, ScenarioFault> {
    if words.takes("zone") {
        return Ok(PodSelector::InZone(words.name("a zone")?.to_owned()));
    }
    if words.takes("owner") {
        words.expect("of key")?;
        let key = words.number("a key", 1, KEY_MAX)?;
        return Ok(PodSelector::OwnersOf { key });
    }
    let mut named = Vec::new();
    while named.is_empty() || words.peek().is_some_and(|word| word != "for") {
        let allowed = "pods as pod-3, zone NAME, or owner of key NUMBER";
        named.push(words.read(allowed, |word| {
            let number = word.strip_prefix("pod-")?;
            number.parse::<u32>().ok()?;
            PodName::try_new(word).ok()
        })?);
    }
    Ok(PodSelector::Named(named))
}

fn add(words: &mut WordReader<'_>) -> Result<ScenarioOp, ScenarioFault> {
    let count = words.number("how many pods,", 1, 10_000)?;
    words.read("pods", |word| matches!(word, "pod" | "pods").then_some(()))?;
    let zone = match words.takes("zone") {
        true => Some(words.name("a zone")?.to_owned()),
        false => None,
    };
    let weight = match words.takes("weight") {
        true => Some(weight(words)?),
        false => None,
    };
    Ok(ScenarioOp::Add { count, zone, weight })
}

/// A pod's weight as `1.5`.
pub(super) fn weight(words: &mut WordReader<'_>) -> Result<Weight, ScenarioFault> {
    let thousandths = words.thousandths("a weight", 1, Weight::MAX.thousandths().into())?;
    let weight = u32::try_from(thousandths).ok().and_then(Weight::from_thousandths);
    Ok(weight.expect("it lies within the bounds of weights"))
}

fn hot_key(words: &mut WordReader<'_>) -> Result<ScenarioOp, ScenarioFault> {
    words.expect("key")?;
    let is_named = words.peek().is_some_and(|word| !word.ends_with('%'));
    let key = match is_named {
        true => words.number("a key", 1, KEY_MAX)?,
        false => HOT_KEY,
    };
    let share = words.percent(0, 95)?;
    Ok(ScenarioOp::HotKey { key, share })
}

fn crowd(words: &mut WordReader<'_>) -> Result<ScenarioOp, ScenarioFault> {
    let key_count = words.number("how many keys,", 1, KEY_MAX)?;
    words.expect("keys")?;
    let share = words.percent(1, 1_000)?;
    let fades_over = match words.takes("fading") {
        true => words.expect("over").and_then(|()| words.duration()).map(Some)?,
        false => None,
    };
    Ok(ScenarioOp::Crowd {
        key_count,
        share,
        fades_over,
    })
}

fn hot_range(words: &mut WordReader<'_>) -> Result<ScenarioOp, ScenarioFault> {
    words.expect("from")?;
    let from = words.percent(0, 99)?;
    words.expect("to")?;
    let to = words.percent(from / 10 + 1, 100)?;
    words.expect("with")?;
    let share = words.percent(1, 95)?;
    Ok(ScenarioOp::HotRange { from, to, share })
}

fn setting(words: &mut WordReader<'_>) -> Result<Setting, ScenarioFault> {
    let allowed = "imbalance, replicas or capacity";
    match words.next(allowed)? {
        "imbalance" => imbalance(words).map(Setting::Imbalance),
        "replicas" => replicas(words).map(|(min, max)| Setting::Replicas { min, max }),
        "capacity" => capacity(words).map(Setting::Capacity),
        other => Err(unexpected(other, allowed)),
    }
}

/// `tight`, `default` or `loose`.
pub(super) fn imbalance(words: &mut WordReader<'_>) -> Result<Imbalance, ScenarioFault> {
    words.read("tight, default or loose", |word| match word {
        "tight" => Some(Imbalance::Tight),
        "default" => Some(Imbalance::Default),
        "loose" => Some(Imbalance::Loose),
        _ => None,
    })
}

/// `1..4`.
pub(super) fn replicas(words: &mut WordReader<'_>) -> Result<(u32, u32), ScenarioFault> {
    let (min, max) = words.range(1, 100)?;
    Ok((min as u32, max as u32))
}

/// Units a second.
pub(super) fn capacity(words: &mut WordReader<'_>) -> Result<Load, ScenarioFault> {
    words
        .thousandths("units a second", 1, 1_000_000_000_000)
        .map(Load::from_milli)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(line: &str) -> Result<ScenarioOp, String> {
        let mut words = WordReader::of(line);
        let read = op(&mut words).and_then(|op| words.end().map(|()| op));
        read.map_err(|fault| fault.to_string())
    }

    #[test]
    fn every_op_is_parsed() {
        let named =
            |names: &[&str]| PodSelector::Named(names.iter().map(|name| PodName::try_new(name).unwrap()).collect());
        let strike = |pods, fault, seconds: Option<u64>| ScenarioOp::Strike {
            pods,
            fault,
            lasts: seconds.map(Duration::from_secs),
        };
        for (line, op) in [
            (
                "crash pod-3 pod-4 for 5s",
                strike(named(&["pod-3", "pod-4"]), Fault::Kill, Some(5)),
            ),
            (
                "lose zone b",
                strike(PodSelector::InZone("b".into()), Fault::Lose, None),
            ),
            (
                "crash owner of key 7",
                strike(PodSelector::OwnersOf { key: 7 }, Fault::Kill, None),
            ),
            ("freeze pod-1 for 2s", strike(named(&["pod-1"]), Fault::Freeze, Some(2))),
            ("freeze assignment", ScenarioOp::Freeze(true)),
            ("restart pod-0", strike(named(&["pod-0"]), Fault::Start, None)),
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
    fn a_mistake_is_answered_with_what_is_allowed() {
        for (line, fault) in [
            ("explode", "write crash, lose"),
            ("crash three", "write pods as pod-3, zone NAME, or owner of key NUMBER"),
            ("crash", "write pods as pod-3"),
            ("hot key 96%", "write a share from 0% to 95%"),
            ("add 0 pods", "from 1 to 10000"),
            ("replace pod-3", "\"pod-3\" is not understood here, write next pod"),
            ("set colour red", "write imbalance, replicas or capacity"),
            ("calm down", "the line should end before \"down\""),
        ] {
            let found = read(line).unwrap_err();
            assert!(found.contains(fault), "{line}: {found}");
        }
    }
}
