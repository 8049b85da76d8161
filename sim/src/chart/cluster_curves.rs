//! The curves of a cluster over time, for plots.

use emberkeep_core::balancer::MoveCause;
use serde::Serialize;

use crate::html_page::POINTS_MAX;
use crate::observer::MovementTotals;

/// With more pods than this only the least and the most loaded pod are drawn.
const PODS_MAX: usize = 64;
/// The shortest time between two points, in milliseconds.
const POINT_MS_MIN: u64 = 100;

/// The state of a cluster between two changes. Loads are in milli-units a second for weight 1, shares in millionths of all load.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct CurvePoint {
    pub(crate) mean: u64,
    /// The limit of the tolerance band.
    pub(crate) limit: u64,
    pub(crate) lowest: u64,
    pub(crate) highest: u64,
    /// The load of each pod by its index; `None` while its process does not run.
    pub(crate) pods: Vec<Option<u64>>,
    /// Pods that may own keys.
    pub(crate) pod_count: u64,
    /// The load that reaches no pod.
    pub(crate) unanswered: u64,
    pub(crate) unanswered_keys: u64,
    /// Owners that slices lack for `min_replicas`.
    pub(crate) missing_owners: u64,
    pub(crate) warming: u64,
    pub(crate) leaving: u64,
    /// The load that reaches a pod with the state of its key.
    pub(crate) warm: u64,
}

/// The points of all curves. Where several states fall on one point the worst value is kept, and moves are added up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ClusterCurves {
    point_ms: u64,
    at_ms: Vec<u64>,
    mean: Vec<u64>,
    limit: Vec<u64>,
    lowest: Vec<u64>,
    highest: Vec<u64>,
    /// The load of each pod at each point; empty with more than [`PODS_MAX`] pods.
    pods: Vec<Vec<Option<u64>>>,
    pod_count: Vec<u64>,
    unanswered: Vec<u64>,
    unanswered_keys: Vec<u64>,
    missing_owners: Vec<u64>,
    warming: Vec<u64>,
    leaving: Vec<u64>,
    warm: Vec<u64>,
    /// The moves of all decisions in force: point, cause, number of slices and their share of the load.
    moves: Vec<(usize, &'static str, u64, u64)>,
    /// The share of the load that lost an owner which left.
    forced: Vec<u64>,
    /// The share of the load that lost an owner which stayed.
    voluntary: Vec<u64>,
    #[serde(skip)]
    newest: CurvePoint,
}

impl ClusterCurves {
    /// Empty curves for a run of at most that length.
    pub(super) fn new(end_ms: u64) -> Self {
        Self {
            point_ms: end_ms.div_ceil(POINTS_MAX).max(POINT_MS_MIN),
            ..Self::default()
        }
    }

    pub(super) const fn point_ms(&self) -> u64 {
        self.point_ms
    }

    /// Records the state from `at_ms` on; times ascend.
    pub(super) fn add(&mut self, at_ms: u64, state: CurvePoint) {
        self.reach(at_ms);
        self.merge(&state);
        self.newest = state;
    }

    /// Records the moves of one event.
    pub(super) fn add_moves(&mut self, at_ms: u64, moved: &MovementTotals) {
        self.reach(at_ms);
        let Some(last) = self.at_ms.len().checked_sub(1) else {
            return;
        };
        for cause in MoveCause::ALL {
            if let Some(totals) = moved.by_cause.get(&cause).filter(|totals| totals.move_count > 0) {
                self.moves.push((last, cause.as_str(), totals.move_count, totals.share));
            }
        }
        self.forced[last] += moved.forced;
        self.voluntary[last] += moved.voluntary;
    }

    /// Drops the loads of single pods if there are too many to draw, and fills those of pods that joined late.
    pub(super) fn finish(&mut self, pod_count: usize) {
        match pod_count > PODS_MAX {
            true => self.pods.clear(),
            false => self.pods.iter_mut().for_each(|pods| pods.resize(pod_count, None)),
        }
    }

    /// Begins all points up to `at_ms`, each with the state that holds at its start.
    fn reach(&mut self, at_ms: u64) {
        let mut next = self.at_ms.len() as u64 * self.point_ms;
        while next <= at_ms {
            self.begin(next);
            if next < at_ms {
                self.merge(&self.newest.clone());
            }
            next += self.point_ms;
        }
    }

    fn begin(&mut self, at_ms: u64) {
        self.at_ms.push(at_ms);
        self.lowest.push(u64::MAX);
        self.warm.push(u64::MAX);
        self.pod_count.push(u64::MAX);
        self.pods.push(Vec::new());
        for curve in [
            &mut self.mean,
            &mut self.limit,
            &mut self.highest,
            &mut self.unanswered,
            &mut self.unanswered_keys,
            &mut self.missing_owners,
            &mut self.warming,
            &mut self.leaving,
            &mut self.forced,
            &mut self.voluntary,
        ] {
            curve.push(0);
        }
    }

    fn merge(&mut self, state: &CurvePoint) {
        let last = self.at_ms.len() - 1;
        self.mean[last] = state.mean;
        self.limit[last] = state.limit;
        for (curve, value) in [
            (&mut self.lowest, state.lowest),
            (&mut self.warm, state.warm),
            (&mut self.pod_count, state.pod_count),
        ] {
            curve[last] = curve[last].min(value);
        }
        for (curve, value) in [
            (&mut self.highest, state.highest),
            (&mut self.unanswered, state.unanswered),
            (&mut self.unanswered_keys, state.unanswered_keys),
            (&mut self.missing_owners, state.missing_owners),
            (&mut self.warming, state.warming),
            (&mut self.leaving, state.leaving),
        ] {
            curve[last] = curve[last].max(value);
        }
        let pods = &mut self.pods[last];
        pods.resize(pods.len().max(state.pods.len()), None);
        for (pod, load) in pods.iter_mut().zip(&state.pods) {
            *pod = (*pod).max(*load);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_keeps_the_worst_of_its_states_and_the_next_one_begins_with_the_last() {
        let mut curves = ClusterCurves::new(1_000);
        let state = |warm, warming, load| CurvePoint {
            warm,
            warming,
            pods: vec![load],
            ..CurvePoint::default()
        };
        curves.add(0, state(100, 0, None));
        curves.add(120, state(80, 3, Some(7)));
        curves.add(150, state(90, 1, Some(5)));
        curves.add(300, state(100, 0, None));
        let moved = MovementTotals {
            forced: 5,
            ..MovementTotals::default()
        };
        curves.add_moves(310, &moved);
        curves.add_moves(420, &moved);
        assert_eq!(curves.at_ms, [0, 100, 200, 300, 400]);
        assert_eq!(curves.warm, [100, 80, 90, 100, 100]);
        assert_eq!(curves.warming, [0, 3, 1, 0, 0]);
        assert_eq!(curves.forced, [0, 0, 0, 5, 5]);
        let loads: Vec<_> = curves.pods.iter().map(|pods| pods[0]).collect();
        assert_eq!(loads, [None, Some(7), Some(5), None, None]);
    }
}
