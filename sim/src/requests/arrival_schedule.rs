//! The arrival schedule: the time of each request in a run, and the load of each tick.

use std::collections::BTreeMap;

use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::load::Load;
use emberkeep_core::target::KeyMode;

use crate::load_trace::{KeyId, TraceEvent, TraceEventKind};
use crate::workload::{Request, RequestTrace};

/// The time between two decisions of the balancer, and the time over which the balance of pods is judged.
pub(super) const TICK_MS: u64 = 5_000;

/// A request of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival {
    /// In milliseconds since the run began.
    pub(super) at_ms: u64,
    pub(super) key: KeyId,
    /// Its load, in thousandths of a unit.
    pub(super) load_milli: u64,
}

/// All requests of a run, ordered by time, and the positions of their keys, in key order.
#[derive(Debug, Clone)]
pub(super) struct ArrivalSchedule {
    pub(super) positions: Vec<u64>,
    pub(super) arrivals: Vec<Arrival>,
}

impl ArrivalSchedule {
    /// The requests of a trace at `speed_milli / 1000` times the recorded speed.
    pub(super) fn of(trace: &RequestTrace, speed_milli: u64) -> Self {
        let mut positions: Vec<u64> = trace.keys().iter().map(|key| position_of(key)).collect();
        positions.sort_unstable();
        positions.dedup();
        let arrival = |request: &Request| {
            let index = positions.partition_point(|position| *position < position_of(&request.key));
            let at_ms = u128::from(request.at_ms) * 1_000 / u128::from(speed_milli);
            Arrival {
                at_ms: u64::try_from(at_ms).unwrap_or(u64::MAX - 1),
                key: KeyId(u32::try_from(index).expect("fewer than 2^32 keys fit in memory")),
                load_milli: request.load_milli,
            }
        };
        let arrivals = trace.requests().iter().map(arrival).collect();
        Self { positions, arrivals }
    }

    /// The end of the run: a millisecond after the last request.
    pub(super) fn end_ms(&self) -> u64 {
        self.arrivals.last().map_or(0, |last| last.at_ms) + 1
    }

    /// The mean load of all pods together, over all ticks.
    pub(super) fn mean_load(&self) -> Load {
        let sum: u128 = self.arrivals.iter().map(|arrival| u128::from(arrival.load_milli)).sum();
        let ticks = u128::from(self.end_ms().div_ceil(TICK_MS));
        Load::from_milli(saturated(sum * 1_000 / (ticks * u128::from(TICK_MS))))
    }

    /// The load of the keys that change in each tick: their requests, spread over the tick.
    pub(super) fn load_events(&self) -> Vec<TraceEvent> {
        let mut events = Vec::new();
        let mut before: BTreeMap<KeyId, Load> = BTreeMap::new();
        let mut arrivals = &self.arrivals[..];
        for at_ms in (0..self.end_ms()).step_by(TICK_MS as usize) {
            let count = arrivals.partition_point(|arrival| arrival.at_ms < at_ms + TICK_MS);
            let (in_tick, later) = arrivals.split_at(count);
            arrivals = later;
            let loads = rates_of(in_tick);
            let gone = before.keys().filter(|key| !loads.contains_key(*key));
            let gone: Vec<(KeyId, Load)> = gone.map(|key| (*key, Load::ZERO)).collect();
            let changed = loads.iter().filter(|(key, load)| before.get(*key) != Some(*load));
            let changed = changed.map(|(key, load)| (*key, *load)).chain(gone);
            let set = changed.map(|(key, load)| (self.positions[key.as_usize()], load));
            let what = TraceEventKind::LoadSet(set.collect());
            events.push(TraceEvent { at_ms, what });
            before = loads;
        }
        events
    }
}

fn rates_of(in_tick: &[Arrival]) -> BTreeMap<KeyId, Load> {
    let mut sums: BTreeMap<KeyId, u128> = BTreeMap::new();
    for arrival in in_tick {
        *sums.entry(arrival.key).or_default() += u128::from(arrival.load_milli);
    }
    let rate = |sum: u128| Load::from_milli(saturated(sum * 1_000 / u128::from(TICK_MS)).max(1));
    sums.into_iter().map(|(key, sum)| (key, rate(sum))).collect()
}

/// The position of a key in the key space.
fn position_of(key: &str) -> u64 {
    let key = SliceKey::of(key.as_bytes(), KeyMode::Hashed);
    key.expect("the reader of traces refuses longer keys").position()
}

fn saturated(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(rows: &str, speed_milli: u64) -> ArrivalSchedule {
        let trace = RequestTrace::read(format!("at_ms,key,load\n{rows}").as_bytes()).unwrap();
        ArrivalSchedule::of(&trace, speed_milli)
    }

    #[test]
    fn twice_as_fast_is_in_half_of_the_time() {
        let at_ms = |speed_milli| -> Vec<u64> {
            let arrivals = arrivals("0,a,1\n101,b,1\n900,a,1\n", speed_milli).arrivals;
            arrivals.iter().map(|arrival| arrival.at_ms).collect()
        };
        assert_eq!(at_ms(1_000), [0, 101, 900]);
        assert_eq!(at_ms(2_000), [0, 50, 450]);
        assert_eq!(at_ms(500), [0, 202, 1_800]);
    }

    #[test]
    fn the_load_of_a_tick_is_that_of_its_requests() {
        let arrivals = arrivals("0,a,5\n4999,a,10\n5000,b,20\n12000,b,20\n", 1_000);
        let key = |name: &str| position_of(name);
        let set = |event: TraceEvent| match event.what {
            TraceEventKind::LoadSet(loads) => (event.at_ms, loads),
            other => panic!("{other:?}"),
        };
        let events: Vec<_> = arrivals.load_events().into_iter().map(set).collect();
        let expected = [
            (0, vec![(key("a"), Load::from_units(3))]),
            (5_000, vec![(key("b"), Load::from_units(4)), (key("a"), Load::ZERO)]),
            (10_000, vec![]),
        ];
        assert_eq!(events, expected);
        assert_eq!(arrivals.end_ms(), 12_001);
        assert_eq!(arrivals.mean_load().milli(), 55_000 / 15);
    }
}
