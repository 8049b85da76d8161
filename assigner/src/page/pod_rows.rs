//! The pods of a target as rows, and a histogram of all of them.

use std::cmp::Reverse;

use emberkeep_core::assigner::TargetState;
use emberkeep_core::pod::{PodName, Weight};
use emberkeep_proto::pb;
use serde::Serialize;

/// Up to this many pods are in the order of their names, so that rows do not move; more are in the order of urgency.
const NAMED_ORDER_MAX: usize = 50;
/// The number of bars of the histogram: each is a tenth of the mean wide, the last one has no end.
const BIN_COUNT: usize = 26;
const BIN_WIDTH_THOUSANDTHS: u64 = 100;

/// One pod with its load, as a row of the table.
#[derive(Debug, Clone, Serialize)]
pub(super) struct PodRow {
    pub(super) name: String,
    address: String,
    zone: String,
    /// In one word, as `emberkeep admin top` prints it; `unknown` while nobody leads.
    pub(super) condition: String,
    pub(super) is_draining: bool,
    pub(super) load_milli: u64,
    capacity_milli: u64,
    /// The load once all moves are complete; absent if the pod may not own slices.
    planned_load_milli: Option<u64>,
    /// The planned load in thousandths of the mean of its weight; absent without load.
    pub(super) relative_thousandths: Option<u64>,
    serving_count: u64,
    warming_count: u64,
    yielding_count: u64,
    leaving_count: u64,
    warm_share_thousandths: Option<u64>,
    memory_bytes: u64,
    memory_capacity_bytes: Option<u64>,
}

/// The mean planned load of a pod of weight 1, in thousandths of a unit a second; `None` without load or pods.
pub(super) fn mean_milli(activity: &pb::DescribeActivityResponse, state: &TargetState) -> Option<u64> {
    let planned = activity
        .pods
        .iter()
        .filter_map(|pod| Some((pod.planned_load_milli?, weight_of(state, &pod.pod))));
    let (load, weight) = planned.fold((0, 0), |(load, weights), (planned, weight)| {
        (load + u128::from(planned), weights + u128::from(weight))
    });
    let mean = (load * u128::from(Weight::ONE.thousandths())).checked_div(weight)?;
    u64::try_from(mean).ok().filter(|mean| *mean > 0)
}

/// All pods in the order of the page.
pub(super) fn pod_rows(activity: &pb::DescribeActivityResponse, state: &TargetState) -> Vec<PodRow> {
    let mean = mean_milli(activity, state);
    let mut rows: Vec<PodRow> = activity.pods.iter().map(|pod| row(pod, state, mean)).collect();
    if rows.len() > NAMED_ORDER_MAX {
        rows.sort_by_cached_key(|row| (row.urgency(), Reverse(row.load_milli), row.name.clone()));
    }
    rows
}

/// How many pods have how much load: from 0 in steps of a tenth of the mean; empty without load.
pub(super) fn histogram(rows: &[PodRow]) -> Vec<u64> {
    let mut bins = vec![0; BIN_COUNT];
    let relative = || rows.iter().filter_map(|row| row.relative_thousandths);
    for thousandths in relative() {
        let bin = usize::try_from(thousandths / BIN_WIDTH_THOUSANDTHS).unwrap_or(usize::MAX);
        bins[bin.min(BIN_COUNT - 1)] += 1;
    }
    match relative().next() {
        Some(_) => bins,
        None => Vec::new(),
    }
}

impl PodRow {
    /// Failed pods first, then those with moves, then the others.
    fn urgency(&self) -> u8 {
        match self.condition.as_str() {
            "suspect" => 0,
            "held-back" => 1,
            "awaited" => 2,
            "draining" => 3,
            "starting" => 4,
            _ if self.warming_count + self.yielding_count > 0 => 5,
            _ => 6,
        }
    }
}

fn row(pod: &pb::PodActivity, state: &TargetState, mean: Option<u64>) -> PodRow {
    let record = PodName::try_new(&pod.pod).ok().and_then(|name| state.pods.get(&name));
    let weight = weight_of(state, &pod.pod);
    let relative = |planned: u64| {
        let share = u128::from(planned) * u128::from(Weight::ONE.thousandths()) * 1_000;
        u64::try_from(share / (u128::from(mean?) * u128::from(weight))).ok()
    };
    PodRow {
        name: pod.pod.clone(),
        address: record.map_or_else(String::new, |record| record.pod.address.as_str().to_owned()),
        zone: record.map_or_else(String::new, |record| record.pod.zone.to_string()),
        condition: pod.condition.clone(),
        is_draining: record.is_some_and(|record| record.is_draining),
        load_milli: pod.load_milli,
        capacity_milli: pod.capacity_milli,
        planned_load_milli: pod.planned_load_milli,
        relative_thousandths: pod.planned_load_milli.and_then(relative),
        serving_count: pod.serving_count,
        warming_count: pod.warming_count,
        yielding_count: pod.yielding_count,
        leaving_count: pod.leaving_count,
        warm_share_thousandths: pod.warm_share_thousandths,
        memory_bytes: pod.memory_bytes,
        memory_capacity_bytes: pod.memory_capacity_bytes,
    }
}

fn weight_of(state: &TargetState, pod: &str) -> u32 {
    let record = PodName::try_new(pod).ok().and_then(|name| state.pods.get(&name));
    record.map_or(Weight::ONE, |record| record.pod.weight).thousandths()
}

#[cfg(test)]
mod tests {
    use emberkeep_core::assigner::TargetSettings;

    use super::*;

    fn activity(pods: impl Iterator<Item = (String, u64, &'static str)>) -> pb::DescribeActivityResponse {
        let pods = pods.map(|(pod, load_milli, condition)| pb::PodActivity {
            pod,
            condition: condition.to_owned(),
            load_milli,
            planned_load_milli: Some(load_milli),
            ..pb::PodActivity::default()
        });
        pb::DescribeActivityResponse {
            pods: pods.collect(),
            ..pb::DescribeActivityResponse::default()
        }
    }

    #[test]
    fn many_pods_begin_with_failed_and_then_the_most_loaded_ones() {
        let state = TargetState::new(TargetSettings::default());
        let pods = (0..60).map(|number| {
            let condition = if number == 7 { "suspect" } else { "ready" };
            (format!("pod-{number}"), number * 1_000, condition)
        });
        let rows = pod_rows(&activity(pods), &state);
        let names: Vec<_> = rows.iter().take(3).map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["pod-7", "pod-59", "pod-58"]);
        assert_eq!(histogram(&rows).iter().sum::<u64>(), 60);
        assert_eq!(rows[1].relative_thousandths, Some(2_000));
    }

    #[test]
    fn pods_without_load_have_no_mean() {
        let state = TargetState::new(TargetSettings::default());
        let idle = activity([("pod-1".to_owned(), 0, "ready")].into_iter());
        assert_eq!(mean_milli(&idle, &state), None);
        let rows = pod_rows(&idle, &state);
        assert_eq!(rows[0].relative_thousandths, None);
        assert!(histogram(&rows).is_empty());
    }
}
