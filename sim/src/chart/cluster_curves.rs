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

    /// The time at which the next point begins, in milliseconds.
    pub(super) fn next_point_ms(&self) -> u64 {
        self.at_ms.len() as u64 * self.point_ms
    }

    /// Begins the next point, with the state at its start.
    pub(super) fn begin(&mut self, state: &CurvePoint) {
        self.push(self.next_point_ms());
        self.merge(state);
    }

    /// Records the moves of one event in the newest point.
    pub(super) fn add_moves(&mut self, moved: &MovementTotals) {
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

    fn push(&mut self, at_ms: u64) {
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

    /// Merges a state into the newest point, if there is one.
    pub(super) fn merge(&mut self, state: &CurvePoint) {
        let Some(last) = self.at_ms.len().checked_sub(1) else {
            return;
        };
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
    fn a_point_keeps_the_worst_of_its_states_and_adds_up_what_moved() {
        let mut curves = ClusterCurves::new(1_000);
        let state = |warm, warming, load| CurvePoint {
            warm,
            warming,
            pods: vec![load],
            ..CurvePoint::default()
        };
        curves.begin(&state(100, 0, None));
        curves.merge(&state(80, 3, Some(7)));
        curves.merge(&state(90, 1, Some(5)));
        let moved = MovementTotals {
            forced: 5,
            ..MovementTotals::default()
        };
        curves.add_moves(&moved);
        curves.add_moves(&moved);
        assert_eq!(curves.next_point_ms(), 100);
        curves.begin(&state(90, 1, None));
        assert_eq!(curves.at_ms, [0, 100]);
        assert_eq!(curves.warm, [80, 90]);
        assert_eq!(curves.warming, [3, 1]);
        assert_eq!(curves.forced, [10, 0]);
        let loads: Vec<_> = curves.pods.iter().map(|pods| pods[0]).collect();
        assert_eq!(loads, [Some(7), None]);
    }
}
