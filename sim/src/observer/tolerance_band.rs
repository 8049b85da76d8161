//! The tolerance band: the most load that each pod may have, given what no assignment could avoid.

use std::collections::BTreeMap;

use emberkeep_core::balancer::BalancerSettings;
use emberkeep_core::load::Load;
use emberkeep_core::pod::Weight;

use crate::cluster::{PodView, SimCluster, Traffic};

/// The load limits of pods. Keys that are too hot even for `max_replicas` pods are set aside with those pods: each of
/// them may have its share of the key and the tolerance. The others may have the mean of the rest and the tolerance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ToleranceBand {
    /// The keys set aside, by index in the traffic, with the limit of a pod that serves one.
    aside: Vec<(usize, Load)>,
    /// The limit of any other pod, for weight 1.
    limit: Load,
}

/// The balance of load at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BalanceSample {
    /// All load over all weight.
    pub mean: Load,
    /// The lowest load of a pod over its weight.
    pub min: Load,
    /// The highest load of a pod over its weight.
    pub max: Load,
    /// The limit of a pod that serves no key set aside, for weight 1.
    pub limit: Load,
    /// Pods above their limit.
    pub over_count: usize,
    /// Pods that may own keys.
    pub pod_count: usize,
}

impl ToleranceBand {
    /// The band for the current traffic over `pod_count` pods with a total of `weight` thousandths.
    #[must_use]
    pub fn of(traffic: &Traffic, settings: &BalancerSettings, pod_count: usize, weight: u64) -> Self {
        let replicas_max = u64::from(settings.max_replicas).min(pod_count as u64).max(1);
        let (mut load, mut pods) = (traffic.total(), pod_count as u64);
        let weight_of = |pods: u64| (weight * pods / (pod_count as u64).max(1)).max(1);
        let level = |load: Load, pods: u64| Load::from_milli(by_weight(load, weight_of(pods)));
        let mut aside = Vec::new();
        for index in traffic.hottest(ASIDE_PER_POD_MAX * pod_count) {
            let (_, rate) = traffic.key(index);
            let share = rate.share(1, u128::from(replicas_max));
            if pods <= replicas_max || share <= level(load, pods) {
                break;
            }
            load -= rate;
            pods -= replicas_max;
            aside.push((index, share));
        }
        let level = level(load, pods);
        let tolerance = level.max(settings.max_load_hint);
        let tolerance = tolerance.share(u128::from(settings.imbalance.thousandths()), 1_000);
        let with_tolerance = |(index, share)| (index, share + tolerance);
        Self {
            aside: aside.into_iter().map(with_tolerance).collect(),
            limit: level + tolerance,
        }
    }

    /// Measures the balance of the cluster against the band.
    #[must_use]
    pub fn sample(&self, cluster: &SimCluster) -> BalanceSample {
        let mut sample = BalanceSample {
            limit: self.limit,
            ..BalanceSample::default()
        };
        let mut weight = 0;
        let limits = self.limits_of_hosts(cluster);
        for (index, pod) in cluster.pods().enumerate() {
            if !may_own(cluster, &pod) {
                continue;
            }
            let own_weight = u64::from(pod.pod.weight.thousandths());
            let load = Load::from_milli(by_weight(pod.load, own_weight));
            weight += own_weight;
            sample.pod_count += 1;
            sample.min = if sample.pod_count == 1 {
                load
            } else {
                sample.min.min(load)
            };
            sample.max = sample.max.max(load);
            let limit = limits.get(&index).copied().unwrap_or(self.limit);
            sample.over_count += usize::from(load > limit);
        }
        sample.mean = Load::from_milli(by_weight(cluster.traffic().total(), weight.max(1)));
        sample
    }

    /// The limits of pods that serve keys set aside, by pod index.
    fn limits_of_hosts(&self, cluster: &SimCluster) -> BTreeMap<usize, Load> {
        let routes = cluster.routing().routes();
        let mut limits = BTreeMap::new();
        for (index, limit) in &self.aside {
            let route = routes.get(routes.partition_point(|route| route.keys.end <= *index));
            for pod in route.into_iter().flat_map(|route| &route.answered_by) {
                let known = limits.entry(*pod).or_insert(*limit);
                *known = (*known).max(*limit);
            }
        }
        limits
    }
}

impl BalanceSample {
    /// The most loaded pod over the mean, in thousandths; 1,000 without load.
    #[must_use]
    pub fn max_over_mean(&self) -> u64 {
        let max = u128::from(self.max.milli()) * 1_000;
        max.checked_div(self.mean.milli().into())
            .map_or(1_000, |ratio| ratio as u64)
    }
}

/// Bounds the keys considered for setting aside; more cannot exceed the mean of the rest.
const ASIDE_PER_POD_MAX: usize = 4;

/// Whether the pod counts for balance: registered and not draining.
pub(super) fn may_own(cluster: &SimCluster, pod: &PodView<'_>) -> bool {
    let record = cluster.state().pods.get(&pod.pod.name);
    record.is_some_and(|record| record.pod == *pod.pod && !record.is_draining)
}

/// The load of a pod of that weight, scaled to weight 1, in milli-units a second.
pub(crate) fn by_weight(load: Load, thousandths: u64) -> u64 {
    let one = u128::from(Weight::ONE.thousandths());
    u64::try_from(u128::from(load.milli()) * one / u128::from(thousandths)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band(rates: &[u64], replicas_max: u32, pod_count: usize) -> ToleranceBand {
        let mut traffic = Traffic::default();
        traffic.set((0..).zip(rates.iter().map(|units| Load::from_units(*units))));
        let settings = BalancerSettings {
            max_load_hint: Load::from_units(100),
            max_replicas: replicas_max,
            ..BalancerSettings::default()
        };
        ToleranceBand::of(&traffic, &settings, pod_count, 1_000 * pod_count as u64)
    }

    #[test]
    fn a_key_that_is_too_hot_for_its_replicas_is_set_aside_with_them() {
        let rates = [10, 20, 300, 10, 20];
        assert_eq!(
            band(&rates, 1, 3),
            ToleranceBand {
                aside: vec![(2, Load::from_units(300 + 10))],
                limit: Load::from_units(30 + 10)
            }
        );
        assert_eq!(
            band(&rates, 3, 3),
            ToleranceBand {
                aside: vec![],
                limit: Load::from_units(120 + 12)
            }
        );
    }
}
