//! The load history: the last reports of all pods, combined into a load map.

use std::collections::BTreeMap;
use std::time::Duration;

use super::estimate::Estimate;
use super::estimate_mean::{WeightedEstimate, combined};
use super::{Demand, Load, LoadMap, LoadReport, half_life};
use crate::keyspace::Slice;
use crate::pod::PodName;
use crate::time::Timestamp;

/// The longest measuring time that adds weight: the half-life of the fast rate.
const WINDOW_MAX: Duration = Duration::from_secs(10);
/// The age at which a report has half its weight.
const AGE_HALF_LIFE: Duration = Duration::from_secs(10);
/// A pod counts as measured while its last report is not older than this.
const FRESH: Duration = Duration::from_secs(10);
/// How long the last report counts for keys that no pod has reported since.
const KNOWN_FOR: Duration = Duration::from_secs(5 * 60);
/// The most superseded estimates that are kept; far more than slices move in [`KNOWN_FOR`].
const SUPERSEDED_COUNT_MAX: usize = 100_000;

/// The last reports of all pods.
///
/// Each share is an estimate of its whole slice: its rate times the number of replicas. The load of a key is the mean of its
/// estimates, weighted by the time for which each was measured and halved with each 10 s of age. So a load is known as soon
/// as one replica has measured it, and is never counted twice; and when a slice moves, the estimate of its old owner counts
/// until the new one has measured for as long.
#[derive(Debug, Clone, Default)]
pub struct LoadHistory {
    newest: BTreeMap<PodName, LatestReport>,
    /// Estimates of keys that their pods no longer serve.
    superseded: Vec<SupersededEstimate>,
}

#[derive(Debug, Clone)]
struct LatestReport {
    /// One for each slice of the report, in key order.
    estimates: Vec<Estimate>,
    at: Timestamp,
}

#[derive(Debug, Clone)]
struct SupersededEstimate {
    estimate: Estimate,
    /// The part of the slice that the pod no longer serves.
    within: Slice,
    at: Timestamp,
}

impl LoadHistory {
    /// Records the report of a pod.
    pub fn record(&mut self, pod: &PodName, report: &LoadReport, now: Timestamp) {
        let newest = LatestReport {
            estimates: Estimate::all_of(report),
            at: now,
        };
        let before = self.newest.get(pod).map(|before| before.lost_in(&newest));
        self.newest.insert(pod.clone(), newest);
        self.keep(before.unwrap_or_default(), now);
    }

    /// Records that a pod is gone or has restarted. Its estimates become superseded ones.
    pub fn forget(&mut self, pod: &PodName, now: Timestamp) {
        let lost = self.newest.remove(pod).map(LatestReport::into_superseded);
        self.keep(lost.unwrap_or_default(), now);
    }

    /// Whether the pod has reported in the last 10 s.
    #[must_use]
    pub fn is_fresh(&self, pod: &PodName, now: Timestamp) -> bool {
        self.newest.get(pod).is_some_and(|newest| now.since(newest.at) <= FRESH)
    }

    /// The current load map.
    #[must_use]
    pub fn map(&self, now: Timestamp) -> LoadMap {
        let is_known = |at: Timestamp| now.since(at) <= KNOWN_FOR;
        let newest = self.newest.values().filter(|newest| is_known(newest.at));
        let newest = newest.flat_map(|newest| {
            let kept = half_life::kept(now.since(newest.at), AGE_HALF_LIFE);
            newest.estimates.iter().map(move |estimate| WeightedEstimate {
                estimate,
                within: &estimate.slice,
                weight: estimate.weight(kept),
            })
        });
        let superseded = self
            .superseded
            .iter()
            .filter(|superseded| is_known(superseded.at))
            .map(|superseded| WeightedEstimate {
                estimate: &superseded.estimate,
                within: &superseded.within,
                weight: superseded
                    .estimate
                    .weight(half_life::kept(now.since(superseded.at), AGE_HALF_LIFE)),
            });
        combined(&newest.chain(superseded).collect::<Vec<_>>(), without_noise)
    }

    fn keep(&mut self, lost: Vec<SupersededEstimate>, now: Timestamp) {
        if lost.is_empty() {
            return;
        }
        self.superseded
            .retain(|superseded| now.since(superseded.at) <= KNOWN_FOR);
        self.superseded.extend(lost);
        let surplus = self.superseded.len().saturating_sub(SUPERSEDED_COUNT_MAX);
        self.superseded.drain(..surplus);
    }
}

impl LatestReport {
    /// The estimates of keys that the pod has lost since, or began to measure again.
    fn lost_in(&self, newest: &LatestReport) -> Vec<SupersededEstimate> {
        let mut lost = Vec::new();
        for estimate in &self.estimates {
            let parts = estimate.not_continued_by(&newest.estimates).into_iter();
            lost.extend(parts.map(|within| SupersededEstimate {
                estimate: estimate.clone(),
                within,
                at: self.at,
            }));
        }
        lost
    }

    fn into_superseded(self) -> Vec<SupersededEstimate> {
        let superseded = |estimate: Estimate| SupersededEstimate {
            within: estimate.slice.clone(),
            estimate,
            at: self.at,
        };
        self.estimates.into_iter().map(superseded).collect()
    }
}

impl Estimate {
    /// The weight of the estimate; `kept` is the part that its age leaves.
    fn weight(&self, kept: u64) -> u64 {
        let micros = self.window.min(WINDOW_MAX).as_micros();
        let micros = u64::try_from(micros).expect("ten seconds are less than 2^64 microseconds");
        (micros * kept).max(1)
    }

    /// The parts of the slice that no later estimate of the same pod continues.
    fn not_continued_by(&self, later: &[Estimate]) -> Vec<Slice> {
        let first = later.partition_point(|other| other.slice.end().is_some_and(|end| end <= self.slice.start()));
        let overlapping = later[first..]
            .iter()
            .take_while(|other| self.slice.end().is_none_or(|end| other.slice.start() < end));
        let window = self.window.min(WINDOW_MAX);
        let mut gaps = Vec::new();
        let mut rest = Some(self.slice.clone());
        for other in overlapping.filter(|other| other.window >= window) {
            let Some(left) = rest else { break };
            let before = left.split_at(other.slice.start());
            gaps.extend(before.map(|(gap, _)| gap));
            rest = other
                .slice
                .end()
                .and_then(|end| Slice::new(end.clone().max(left.start().clone()), self.slice.end().cloned()));
        }
        gaps.extend(rest);
        gaps
    }
}

/// The rate to plan by is the slow one, which noise hardly affects. A fast rate above twice or below half of it is a real
/// change and replaces it.
fn without_noise(measured: Demand) -> Demand {
    let Demand { now, steady, memory } = measured;
    let is_change = twice(now) < steady || twice(steady) < now;
    Demand {
        now,
        steady: if is_change { now } else { steady },
        memory,
    }
}

fn twice(load: Load) -> Load {
    load + load
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::SliceKey;
    use crate::load::SliceLoad;

    fn pod(name: &str) -> PodName {
        PodName::try_new(name).unwrap()
    }

    fn second(second: u64) -> Timestamp {
        Timestamp::from_millis(1_000 * second)
    }

    /// A share of the keys `[start, end)`: its fast and slow rate, its replicas, and for how many seconds it was measured.
    fn share((start, end): (u64, u64), (fast, slow): (u64, u64), replicas: u32, seconds: u64) -> SliceLoad {
        let bounds = (SliceKey::from_position(start), SliceKey::from_position(end));
        SliceLoad {
            slice: Slice::new(bounds.0, Some(bounds.1)).unwrap(),
            fast: Load::from_units(fast),
            slow: Load::from_units(slow),
            memory: 0,
            replicas,
            window: Duration::from_secs(seconds),
            split_hints: Vec::new(),
        }
    }

    fn report(slices: impl Into<Vec<SliceLoad>>) -> LoadReport {
        LoadReport {
            slices: slices.into(),
            ..LoadReport::default()
        }
    }

    fn units(history: &LoadHistory, now: Timestamp) -> (u64, u64) {
        let total = history.map(now).total();
        (total.now.milli() / 1_000, total.steady.milli() / 1_000)
    }

    const ALL: (u64, u64) = (0, 100);

    #[test]
    fn the_report_of_one_of_three_replicas_is_enough() {
        let mut history = LoadHistory::default();
        history.record(&pod("a"), &report([share(ALL, (100, 100), 3, 60)]), second(0));
        assert_eq!(units(&history, second(0)), (300, 300));
        history.record(&pod("b"), &report([share(ALL, (80, 80), 3, 60)]), second(0));
        history.record(&pod("c"), &report([share(ALL, (120, 120), 3, 60)]), second(0));
        assert_eq!(units(&history, second(0)), (300, 300));
    }

    #[test]
    fn the_weight_of_a_new_owner_grows_with_its_measuring_time() {
        let mut history = LoadHistory::default();
        history.record(&pod("a"), &report([share(ALL, (100, 100), 1, 60)]), second(0));
        history.record(&pod("a"), &report([]), second(1));
        let known: Vec<_> = (1..=4)
            .map(|tenth| {
                let now = second(10 * tenth);
                let new = share(ALL, (200, 200), 1, 10 * tenth);
                history.record(&pod("b"), &report([new]), now);
                units(&history, now).0
            })
            .collect();
        assert_eq!(known, [166, 180, 188, 194]);
    }

    #[test]
    fn a_later_report_of_the_same_keys_replaces_the_earlier_one() {
        let mut history = LoadHistory::default();
        history.record(&pod("a"), &report([share(ALL, (100, 100), 1, 60)]), second(0));
        let halves = [share((0, 50), (10, 10), 1, 60), share((50, 100), (20, 20), 1, 60)];
        history.record(&pod("a"), &report(halves), second(1));
        assert_eq!(units(&history, second(1)), (30, 30));
        history.record(&pod("a"), &report([share(ALL, (40, 40), 1, 60)]), second(2));
        assert_eq!(units(&history, second(2)), (40, 40));
    }

    #[test]
    fn only_the_lost_half_of_a_slice_is_kept() {
        let mut history = LoadHistory::default();
        history.record(&pod("a"), &report([share(ALL, (100, 100), 1, 60)]), second(0));
        history.record(&pod("a"), &report([share((0, 50), (10, 10), 1, 60)]), second(1));
        assert_eq!(units(&history, second(1)), (60, 60));
    }

    #[test]
    fn a_restarted_measurement_does_not_erase_the_earlier_estimate() {
        let mut history = LoadHistory::default();
        history.record(&pod("a"), &report([share(ALL, (100, 100), 1, 60)]), second(0));
        history.record(&pod("a"), &report([share(ALL, (0, 0), 1, 0)]), second(1));
        assert_eq!(units(&history, second(1)), (99, 99), "rounded down");
    }

    #[test]
    fn the_last_report_of_a_silent_pod_counts_for_five_minutes() {
        let mut history = LoadHistory::default();
        history.record(&pod("a"), &report([share(ALL, (100, 100), 1, 60)]), second(0));
        assert!(history.is_fresh(&pod("a"), second(10)) && !history.is_fresh(&pod("a"), second(11)));
        assert_eq!(units(&history, second(300)), (100, 100));
        assert_eq!(units(&history, second(301)), (0, 0));
    }

    #[test]
    fn noise_does_not_change_the_planned_rate_and_a_real_change_does() {
        let planned = |fast, slow| {
            let mut history = LoadHistory::default();
            history.record(&pod("a"), &report([share(ALL, (fast, slow), 1, 60)]), second(0));
            units(&history, second(0)).1
        };
        assert_eq!(
            (planned(150, 100), planned(200, 100), planned(50, 100)),
            (100, 100, 100)
        );
        assert_eq!((planned(201, 100), planned(49, 100)), (201, 49));
    }
}
