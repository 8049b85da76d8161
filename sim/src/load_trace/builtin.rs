//! The built-in trace: half an hour with every kind of event that a balancer has to handle.

use std::fmt::Write;

use super::LoadTrace;
use crate::random_stream::RandomStream;

/// The seed of the keys' positions and of the fluctuations; arbitrary.
const SEED: u64 = 20;

const KEY_COUNT: usize = 2_000;
const POD_COUNT: usize = 16;

/// The usual load of all keys, in units a second: 60 % of the capacity of the initial pods.
const TOTAL: f64 = 0.6 * 1_000.0 * POD_COUNT as f64;

/// The interval of load changes.
const BEAT_MS: u64 = 10_000;

const MINUTE_MS: u64 = 60_000;

impl LoadTrace {
    /// The built-in trace: 16 pods and 2,000 keys. The key of rank `r` has a load in proportion to `1 / (r + 10)`; the loads of the
    /// 100 hottest keys fluctuate by up to a tenth.
    ///
    /// | minute | event |
    /// | --- | --- |
    /// | 3 to 6 | the load of six keys jumps and decays linearly |
    /// | 8 to 12 | one key has a fifth of all load |
    /// | 14 to 18 | eight pods are replaced, one every 30 s |
    /// | 20 | two pods crash |
    /// | 22 | four pods join |
    /// | 26 | three pods stop |
    /// | 30 | the end |
    #[must_use]
    pub fn builtin() -> Self {
        LoadTrace::read(builtin_text().as_bytes()).expect("the built-in trace is valid")
    }
}

/// The trace in the format of a file.
fn builtin_text() -> String {
    let mut text = String::new();
    line(
        &mut text,
        0,
        r#""event":"config","max_load_hint":1000,"imbalance":"DEFAULT","min_replicas":1,"max_replicas":4,"decide_every_ms":5000"#,
    );
    pods(&mut text, 0, "pods_added", 0..POD_COUNT);
    let mut keys = BuiltinKeys::new();
    keys.set(&mut text, 0, 0..KEY_COUNT);
    for at_ms in (BEAT_MS..30 * MINUTE_MS).step_by(BEAT_MS as usize) {
        keys.fluctuate();
        keys.add_hot_keys(at_ms);
        pod_changes(&mut text, at_ms);
        keys.set(&mut text, at_ms, 0..FLUCTUATING);
    }
    line(&mut text, 30 * MINUTE_MS, r#""event":"end""#);
    text
}

/// The number of keys, hottest first, whose load fluctuates.
const FLUCTUATING: usize = 100;
/// The ranks of the keys whose load jumps.
const CROWDED: std::ops::Range<usize> = 40..46;
/// The rank of the key that is very hot for four minutes.
const HOT: usize = 50;

/// The keys by rank, with their loads in units a second.
struct BuiltinKeys {
    random: RandomStream,
    positions: Vec<u64>,
    /// Without fluctuations and hot keys.
    usual: Vec<f64>,
    present: Vec<f64>,
}

impl BuiltinKeys {
    fn new() -> Self {
        let mut random = RandomStream::new(SEED, 0);
        let positions = (0..KEY_COUNT).map(|_| random.next()).collect();
        let weights: Vec<f64> = (0..KEY_COUNT).map(|rank| 1.0 / (rank + 10) as f64).collect();
        let sum: f64 = weights.iter().sum();
        let usual: Vec<f64> = weights.iter().map(|weight| weight / sum * TOTAL).collect();
        Self {
            random,
            positions,
            present: usual.clone(),
            usual,
        }
    }

    fn fluctuate(&mut self) {
        for (present, usual) in self.present.iter_mut().zip(&self.usual).take(FLUCTUATING) {
            let thousandths = 900 + self.random.below(201);
            *present = usual * thousandths as f64 / 1_000.0;
        }
    }

    fn add_hot_keys(&mut self, at_ms: u64) {
        if (3 * MINUTE_MS..6 * MINUTE_MS).contains(&at_ms) {
            let left = (6 * MINUTE_MS - at_ms) as f64 / (3 * MINUTE_MS) as f64;
            CROWDED.for_each(|key| self.present[key] += 0.03 * TOTAL * left);
        }
        if (8 * MINUTE_MS..12 * MINUTE_MS).contains(&at_ms) {
            self.present[HOT] += 0.25 * TOTAL;
        }
    }

    fn set(&self, text: &mut String, at_ms: u64, ranks: std::ops::Range<usize>) {
        let loads = ranks.map(|key| format!("[\"{:016x}\",{:.3}]", self.positions[key], self.present[key]));
        let loads: Vec<String> = loads.collect();
        line(
            text,
            at_ms,
            &format!("\"event\":\"load_set\",\"loads\":[{}]", loads.join(",")),
        );
    }
}

fn pod_changes(text: &mut String, at_ms: u64) {
    let replaced = (0..8_usize).find(|pod| at_ms == 14 * MINUTE_MS + 30_000 * *pod as u64);
    if let Some(pod) = replaced {
        pods(text, at_ms, "pods_drained", pod..pod + 1);
        pods(text, at_ms, "pods_added", POD_COUNT + pod..POD_COUNT + pod + 1);
    }
    if at_ms == 20 * MINUTE_MS {
        pods(text, at_ms, "pods_crashed", 10..12);
    }
    if at_ms == 22 * MINUTE_MS {
        pods(text, at_ms, "pods_added", 24..28);
    }
    if at_ms == 26 * MINUTE_MS {
        pods(text, at_ms, "pods_drained", 12..15);
    }
}

fn pods(text: &mut String, at_ms: u64, event: &str, numbers: std::ops::Range<usize>) {
    let names: Vec<String> = numbers.map(|number| format!("\"pod-{number}\"")).collect();
    line(
        text,
        at_ms,
        &format!("\"event\":\"{event}\",\"pods\":[{}]", names.join(",")),
    );
}

fn line(text: &mut String, at_ms: u64, rest: &str) {
    writeln!(text, "{{\"at_ms\":{at_ms},{rest}}}").expect("writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load_trace::TraceChange;

    #[test]
    fn the_built_in_trace_matches_its_documentation() {
        let trace = LoadTrace::builtin();
        assert_eq!((trace.keys().len(), trace.pods().len()), (KEY_COUNT, 28));
        assert_eq!(trace.end_ms(), 30 * MINUTE_MS);
        let count = |is_such: fn(&TraceChange) -> Option<usize>| -> usize {
            trace.changes().iter().filter_map(|timed| is_such(&timed.change)).sum()
        };
        let crashed = count(|change| match change {
            TraceChange::PodsCrashed(pods) => Some(pods.len()),
            TraceChange::PodsAdded(_) | TraceChange::PodsDrained(_) | TraceChange::LoadSet(_) => None,
        });
        let drained = count(|change| match change {
            TraceChange::PodsDrained(pods) => Some(pods.len()),
            TraceChange::PodsAdded(_) | TraceChange::PodsCrashed(_) | TraceChange::LoadSet(_) => None,
        });
        assert_eq!((crashed, drained), (2, 11));
    }
}
