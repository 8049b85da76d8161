//! The floor: the imbalance that no assignment could avoid.

use std::cmp::Reverse;

use emberkeep_core::load::Load;

/// The keys too hot for `max_replicas` pods, and the mean without them and their pods.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Floor {
    /// The mean load of the remaining pods, in milli-units a second.
    pub(super) level: f64,
    /// The lower bound of the standard deviation of pod load over the mean.
    pub(super) cov: f64,
    /// The keys set aside, hottest first.
    pub(super) aside: Vec<usize>,
    /// The load of each of these keys on each of its replicas.
    pub(super) shares: Vec<f64>,
}

impl Floor {
    /// Sets the hottest keys aside, each divided among as many pods as may serve it, while that share exceeds the mean of the
    /// rest.
    pub(super) fn of(loads: &[Load], pod_count: usize, replicas_max: u32) -> Self {
        let replicas = (replicas_max as usize).min(pod_count) as f64;
        let total = loads.iter().map(|load| load.milli() as f64).sum::<f64>();
        let mean = total / pod_count as f64;
        let (mut rest_load, mut rest_pods) = (total, pod_count as f64);
        let mut squares = 0.0;
        let (mut aside, mut shares) = (Vec::new(), Vec::new());
        for key in hottest(loads, pod_count / replicas as usize + 1) {
            let load = loads[key].milli() as f64;
            let share = load / replicas;
            if rest_pods <= replicas || share <= rest_load / rest_pods {
                break;
            }
            rest_load -= load;
            rest_pods -= replicas;
            squares += replicas * (share - mean) * (share - mean);
            aside.push(key);
            shares.push(share);
        }
        let level = rest_load / rest_pods;
        squares += rest_pods * (level - mean) * (level - mean);
        let cov = squares.sqrt() / mean / (pod_count as f64).sqrt();
        Self {
            level,
            cov,
            aside,
            shares,
        }
    }
}

/// The hottest keys, hottest first; ties are broken by key order.
fn hottest(loads: &[Load], count: usize) -> Vec<usize> {
    let rank = |key: &usize| (Reverse(loads[*key]), *key);
    let mut keys: Vec<usize> = (0..loads.len()).collect();
    if count < keys.len() {
        keys.select_nth_unstable_by_key(count, rank);
        keys.truncate(count);
    }
    keys.sort_unstable_by_key(rank);
    keys
}
