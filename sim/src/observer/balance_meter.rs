//! The balance meter: samples the balance of a cluster against a tolerance band that follows its load, pods and settings.

use emberkeep_core::balancer::BalancerSettings;

use super::tolerance_band::may_own;
use super::{BalanceSample, ToleranceBand};
use crate::cluster::SimCluster;

/// The inputs of a band: the change count of rates, pod count, total weight, and settings.
type BandFor = (u64, usize, u64, BalancerSettings);

/// Keeps the band until one of its inputs changes, because a band sorts the keys by their load.
#[derive(Debug, Default)]
pub(crate) struct BalanceMeter {
    band: ToleranceBand,
    band_for: Option<BandFor>,
}

impl BalanceMeter {
    /// The balance of the cluster now, against the band for its load now.
    pub(crate) fn sample(&mut self, cluster: &SimCluster) -> BalanceSample {
        self.refresh_band(cluster);
        self.band.sample(cluster)
    }

    fn refresh_band(&mut self, cluster: &SimCluster) {
        let owners = cluster.pods().filter(|pod| may_own(cluster, pod));
        let weights: Vec<u64> = owners.map(|pod| pod.pod.weight.thousandths().into()).collect();
        let (pod_count, weight) = (weights.len(), weights.iter().sum());
        let settings = &cluster.state().settings.balancer;
        let band_for = Some((cluster.traffic().change_count(), pod_count, weight, settings.clone()));
        if self.band_for != band_for {
            self.band = ToleranceBand::of(cluster.traffic(), settings, pod_count, weight);
            self.band_for = band_for;
        }
    }
}
