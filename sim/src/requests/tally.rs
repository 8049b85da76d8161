//! The tally: what came of the requests.

use std::collections::BTreeMap;

use super::arrivals::TICK_MS;
use super::serving::{Outcome, Served};
use super::windows::{Second, worst_share};
use crate::load_trace::PodId;
use crate::score::{Distribution, SETTLING_MS};

/// What is counted of a run.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) request_count: u64,
    pub(super) hit_count: u64,
    pub(super) cold_count: u64,
    seconds: Vec<Second>,
    ticks: Vec<Tick>,
    changes_ms: Vec<u64>,
}

/// Which pod got how much in one tick, in thousandths of a unit.
#[derive(Debug, Clone, Default)]
struct Tick {
    pod_count: usize,
    loads: BTreeMap<PodId, u64>,
}

impl Tally {
    /// Time for a decision; so many pods are there.
    pub(super) fn begin_tick(&mut self, pod_count: usize) {
        self.ticks.push(Tick {
            pod_count,
            loads: BTreeMap::new(),
        });
    }

    /// Pods came or went.
    pub(super) fn pods_changed(&mut self, at_ms: u64) {
        self.changes_ms.push(at_ms);
    }

    /// A request was answered.
    pub(super) fn count(&mut self, served: &Served, outcome: Outcome) {
        self.request_count += 1;
        match outcome {
            Outcome::Hit => self.hit_count += 1,
            Outcome::Cold => self.cold_count += 1,
            Outcome::Miss => {}
        }
        if outcome != Outcome::Cold {
            let second = self.second_of(served.arrival.at_ms);
            second.request_count += 1;
            second.hit_count += u64::from(outcome == Outcome::Hit);
        }
        if let Some(tick) = self.ticks.last_mut() {
            let load = tick.loads.entry(served.pod).or_default();
            *load = load.saturating_add(served.arrival.load_milli);
        }
    }

    /// The hottest pod over the mean of all, tick by tick. In a run of more than a minute the first minute, in which
    /// load is not known yet, does not count, nor does a last tick that is less than half a tick long.
    pub(super) fn over_mean(&self, end_ms: u64) -> Distribution {
        let settled = if end_ms > SETTLING_MS { SETTLING_MS } else { 0 };
        let ticks = self.ticks.iter().zip((0_u64..).step_by(TICK_MS as usize));
        let counted = ticks.filter(|(_, at_ms)| *at_ms >= settled && (*at_ms == 0 || at_ms + TICK_MS / 2 < end_ms));
        Distribution::of(counted.filter_map(|(tick, _)| tick.over_mean()))
    }

    /// The least share of hits in ten seconds soon after pods came or went.
    pub(super) fn worst_share(&self) -> Option<f64> {
        worst_share(&self.seconds, &self.changes_ms)
    }

    fn second_of(&mut self, at_ms: u64) -> &mut Second {
        let place = usize::try_from(at_ms / 1_000).expect("a run of so many seconds is refused");
        if place >= self.seconds.len() {
            self.seconds.resize(place + 1, Second::default());
        }
        &mut self.seconds[place]
    }
}

impl Tick {
    /// `None` where nothing was asked for.
    fn over_mean(&self) -> Option<f64> {
        let hottest = self.loads.values().copied().max()?;
        let sum: u128 = self.loads.values().map(|load| u128::from(*load)).sum();
        Some(hottest as f64 * self.pod_count as f64 / sum as f64)
    }
}
