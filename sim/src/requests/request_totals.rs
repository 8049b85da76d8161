//! The totals of a request replay: hits, cold requests, and the load of each pod by tick.

use std::collections::BTreeMap;

use super::arrival_schedule::TICK_MS;
use super::served::{Served, ValueLookup};
use super::windows::{SecondCounts, worst_share};
use crate::load_trace::PodId;
use crate::score::{Distribution, SETTLING_MS};

/// The counts of a run.
#[derive(Debug, Clone, Default)]
pub(super) struct RequestTotals {
    pub(super) request_count: u64,
    pub(super) hit_count: u64,
    pub(super) cold_count: u64,
    seconds: Vec<SecondCounts>,
    ticks: Vec<TickLoads>,
    /// The times at which pods joined or left.
    changes_ms: Vec<u64>,
}

/// The load of each pod in one tick, in thousandths of a unit.
#[derive(Debug, Clone, Default)]
struct TickLoads {
    pod_count: usize,
    loads: BTreeMap<PodId, u64>,
}

impl RequestTotals {
    /// A tick starts with that many pods.
    pub(super) fn begin_tick(&mut self, pod_count: usize) {
        self.ticks.push(TickLoads {
            pod_count,
            loads: BTreeMap::new(),
        });
    }

    /// Pods joined or left.
    pub(super) fn on_pods_changed(&mut self, at_ms: u64) {
        self.changes_ms.push(at_ms);
    }

    /// Records a served request.
    pub(super) fn record(&mut self, served: &Served, lookup: ValueLookup) {
        self.request_count += 1;
        match lookup {
            ValueLookup::Hit => self.hit_count += 1,
            ValueLookup::Cold => self.cold_count += 1,
            ValueLookup::Miss => {}
        }
        if lookup != ValueLookup::Cold {
            let second = self.second_of(served.arrival.at_ms);
            second.request_count += 1;
            second.hit_count += u64::from(lookup == ValueLookup::Hit);
        }
        if let Some(tick) = self.ticks.last_mut() {
            let load = tick.loads.entry(served.pod).or_default();
            *load = load.saturating_add(served.arrival.load_milli);
        }
    }

    /// The load of the hottest pod over the mean, tick by tick. In a run of more than a minute the first minute, in which
    /// load is not measured yet, does not count, nor does a last tick shorter than half a tick.
    pub(super) fn over_mean(&self, end_ms: u64) -> Distribution {
        let settled = if end_ms > SETTLING_MS { SETTLING_MS } else { 0 };
        let ticks = self.ticks.iter().zip((0_u64..).step_by(TICK_MS as usize));
        let counted = ticks.filter(|(_, at_ms)| *at_ms >= settled && (*at_ms == 0 || at_ms + TICK_MS / 2 < end_ms));
        Distribution::of(counted.filter_map(|(tick, _)| tick.over_mean()))
    }

    /// The least share of hits in ten seconds soon after pods joined or left.
    pub(super) fn worst_share(&self) -> Option<f64> {
        worst_share(&self.seconds, &self.changes_ms)
    }

    fn second_of(&mut self, at_ms: u64) -> &mut SecondCounts {
        let index = usize::try_from(at_ms / 1_000).expect("longer runs are refused by the plan");
        if index >= self.seconds.len() {
            self.seconds.resize(index + 1, SecondCounts::default());
        }
        &mut self.seconds[index]
    }
}

impl TickLoads {
    /// The load of the hottest pod over the mean; `None` without load.
    fn over_mean(&self) -> Option<f64> {
        let hottest = self.loads.values().copied().max()?;
        let sum: u128 = self.loads.values().map(|load| u128::from(*load)).sum();
        Some(hottest as f64 * self.pod_count as f64 / sum as f64)
    }
}
