//! The load history: what all pods have reported of late, and what it says of the whole.

use std::collections::BTreeMap;
use std::time::Duration;

use super::estimate::Estimate;
use super::partition::{WeightedEstimate, combined};
use super::{Demand, Load, LoadMap, LoadReport, half_life};
use crate::keyspace::Slice;
use crate::pod::PodName;
use crate::time::Timestamp;

/// A share that was measured for longer says no more about the present: as long as the half-life of the fast rate.
const EVIDENCE_MAX: Duration = Duration::from_secs(10);
/// In this time a report comes to count half.
const AGE_HALF_LIFE: Duration = Duration::from_secs(10);
/// A pod that has reported within this time is measured.
const FRESH: Duration = Duration::from_secs(10);
/// For so long the last figures stand for keys of which nobody has reported since.
const KNOWN_FOR: Duration = Duration::from_secs(5 * 60);
/// No more slices that pods have lost are remembered; far more than move in [`KNOWN_FOR`].
const PAST_COUNT_MAX: usize = 100_000;

/// What pods reported, and the load map that it makes.
///
/// Each share is an estimate of its whole slice: its rate times the replicas. The estimates of a key are combined by
/// what they are worth: the time over which the share was measured, halved with each 10 s of age. So a load is known as
/// soon as one replica has measured it and never counted twice; and when a slice moves, what its old owner measured
/// stands until the new one has measured as much.
#[derive(Debug, Clone, Default)]
pub struct LoadHistory {
    newest: BTreeMap<PodName, LatestReport>,
    /// What pods reported of keys that they no longer serve.
    past: Vec<SupersededEstimate>,
}

#[derive(Debug, Clone)]
struct LatestReport {
    /// In key order.
    estimates: Vec<Estimate>,
    at: Timestamp,
}

#[derive(Debug, Clone)]
struct SupersededEstimate {
    estimate: Estimate,
    /// The keys that the pod has lost of it.
    within: Slice,
    at: Timestamp,
}

impl LoadHistory {
    /// A pod has reported.
    pub fn record(&mut self, pod: &PodName, report: &LoadReport, now: Timestamp) {
        let newest = LatestReport {
            estimates: Estimate::all_of(report),
            at: now,
        };
        let before = self.newest.get(pod).map(|before| before.lost_in(&newest));
        self.newest.insert(pod.clone(), newest);
        self.remember(before.unwrap_or_default(), now);
    }

    /// A pod is gone, or begins a new life; what it measured is not forgotten as fast.
    pub fn forget(&mut self, pod: &PodName, now: Timestamp) {
        let lost = self.newest.remove(pod).map(LatestReport::into_past);
        self.remember(lost.unwrap_or_default(), now);
    }

    /// Whether the pod has reported in the last 10 s.
    #[must_use]
    pub fn is_fresh(&self, pod: &PodName, now: Timestamp) -> bool {
        self.newest.get(pod).is_some_and(|newest| now.since(newest.at) <= FRESH)
    }

    /// How load is spread now, by all that is known.
    #[must_use]
    pub fn map(&self, now: Timestamp) -> LoadMap {
        let is_known = |at: Timestamp| now.since(at) <= KNOWN_FOR;
        let newest = self.newest.values().filter(|newest| is_known(newest.at));
        let newest = newest.flat_map(|newest| {
            let kept = half_life::kept(now.since(newest.at), AGE_HALF_LIFE);
            newest.estimates.iter().map(move |estimate| WeightedEstimate {
                estimate,
                within: &estimate.slice,
                weight: estimate.worth(kept),
            })
        });
        let past = self
            .past
            .iter()
            .filter(|past| is_known(past.at))
            .map(|past| WeightedEstimate {
                estimate: &past.estimate,
                within: &past.within,
                weight: past.estimate.worth(half_life::kept(now.since(past.at), AGE_HALF_LIFE)),
            });
        combined(&newest.chain(past).collect::<Vec<_>>(), without_noise)
    }

    fn remember(&mut self, lost: Vec<SupersededEstimate>, now: Timestamp) {
        if lost.is_empty() {
            return;
        }
        self.past.retain(|past| now.since(past.at) <= KNOWN_FOR);
        self.past.extend(lost);
        let surplus = self.past.len().saturating_sub(PAST_COUNT_MAX);
        self.past.drain(..surplus);
    }
}

impl LatestReport {
    /// What is known of keys that the pod has lost since, or began to measure anew.
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

    fn into_past(self) -> Vec<SupersededEstimate> {
        let past = |estimate: Estimate| SupersededEstimate {
            within: estimate.slice.clone(),
            estimate,
            at: self.at,
        };
        self.estimates.into_iter().map(past).collect()
    }
}

impl Estimate {
    /// How much it counts; `kept` is what its age has left of it.
    fn worth(&self, kept: u64) -> u64 {
        let micros = self.window.min(EVIDENCE_MAX).as_micros();
        let micros = u64::try_from(micros).expect("ten seconds have few microseconds");
        (micros * kept).max(1)
    }

    /// The parts of the slice whose keys no later estimate of the same pod has gone on measuring.
    fn not_continued_by(&self, later: &[Estimate]) -> Vec<Slice> {
        let first = later.partition_point(|other| other.slice.end().is_some_and(|end| end <= self.slice.start()));
        let overlapping = later[first..]
            .iter()
            .take_while(|other| self.slice.end().is_none_or(|end| other.slice.start() < end));
        let evidence = self.window.min(EVIDENCE_MAX);
        let mut gaps = Vec::new();
        let mut rest = Some(self.slice.clone());
        for other in overlapping.filter(|other| other.window >= evidence) {
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

/// The rate to plan by is the slow one, which noise hardly moves. Where the fast one is more than twice or less than
/// half of it, that is no noise but news.
fn without_noise(measured: Demand) -> Demand {
    let Demand { now, steady, memory } = measured;
    let is_news = twice(now) < steady || twice(steady) < now;
    Demand {
        now,
        steady: if is_news { now } else { steady },
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

    /// A share in the keys `[start, end)`: its units a second, its replicas, and for how many seconds it was measured.
    fn share((start, end): (u64, u64), (fast, slow): (u64, u64), replicas: u32, seconds: u64) -> SliceLoad {
        let bounds = (SliceKey::from_position(start), SliceKey::from_position(end));
        SliceLoad {
            slice: Slice::new(bounds.0, Some(bounds.1)).unwrap(),
            fast: Load::from_units(fast),
            slow: Load::from_units(slow),
            memory: 0,
            replicas,
            window: Duration::from_secs(seconds),
            cuts: Vec::new(),
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
    fn one_of_three_replicas_is_enough_to_know_the_whole() {
        let mut history = LoadHistory::default();
        history.record(&pod("a"), &report([share(ALL, (100, 100), 3, 60)]), second(0));
        assert_eq!(units(&history, second(0)), (300, 300));
        history.record(&pod("b"), &report([share(ALL, (80, 80), 3, 60)]), second(0));
        history.record(&pod("c"), &report([share(ALL, (120, 120), 3, 60)]), second(0));
        assert_eq!(units(&history, second(0)), (300, 300));
    }

    #[test]
    fn a_new_owner_is_believed_as_much_as_it_has_measured() {
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
    fn what_a_pod_goes_on_measuring_replaces_what_it_said_before() {
        let mut history = LoadHistory::default();
        history.record(&pod("a"), &report([share(ALL, (100, 100), 1, 60)]), second(0));
        let halves = [share((0, 50), (10, 10), 1, 60), share((50, 100), (20, 20), 1, 60)];
        history.record(&pod("a"), &report(halves), second(1));
        assert_eq!(units(&history, second(1)), (30, 30));
        history.record(&pod("a"), &report([share(ALL, (40, 40), 1, 60)]), second(2));
        assert_eq!(units(&history, second(2)), (40, 40));
    }

    #[test]
    fn of_a_slice_half_of_which_is_lost_only_that_half_is_remembered() {
        let mut history = LoadHistory::default();
        history.record(&pod("a"), &report([share(ALL, (100, 100), 1, 60)]), second(0));
        history.record(&pod("a"), &report([share((0, 50), (10, 10), 1, 60)]), second(1));
        assert_eq!(units(&history, second(1)), (60, 60));
    }

    #[test]
    fn a_share_that_begins_anew_does_not_wipe_out_what_was_known() {
        let mut history = LoadHistory::default();
        history.record(&pod("a"), &report([share(ALL, (100, 100), 1, 60)]), second(0));
        history.record(&pod("a"), &report([share(ALL, (0, 0), 1, 0)]), second(1));
        assert_eq!(units(&history, second(1)), (99, 99), "but for what rounding takes");
    }

    #[test]
    fn a_silent_pod_stands_by_what_it_said_for_five_minutes() {
        let mut history = LoadHistory::default();
        history.record(&pod("a"), &report([share(ALL, (100, 100), 1, 60)]), second(0));
        assert!(history.is_fresh(&pod("a"), second(10)) && !history.is_fresh(&pod("a"), second(11)));
        assert_eq!(units(&history, second(300)), (100, 100));
        assert_eq!(units(&history, second(301)), (0, 0));
    }

    #[test]
    fn noise_is_planned_without_and_news_with() {
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
