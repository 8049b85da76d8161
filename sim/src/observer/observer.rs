//! The observer: samples the cluster after every change.

use std::time::Duration;

use emberkeep_core::assigner::{Applied, ChangeKind};
use emberkeep_core::balancer::{BalancerSettings, DecisionReport};
use emberkeep_core::pod::PodName;
use emberkeep_core::time::Timestamp;

use super::tolerance_band::may_own;
use super::{BalanceSample, Churn, MovementTotals, Recoveries, ToleranceBand};
use crate::cluster::{ClusterEvent, Outage, SimCluster, TimedEvent};

/// The inputs of a band: the change count of rates, pod count, total weight, and settings.
type BandFor = (u64, usize, u64, BalancerSettings);

/// Observes a cluster from a moment on. Its figures are exact: it samples after every change.
#[derive(Debug)]
pub struct Observer {
    watches_from: Timestamp,
    latest: BalanceSample,
    sampled_at: Timestamp,
    worst: (BalanceSample, Timestamp),
    over_band: Duration,
    outage_before: Outage,
    recoveries: Recoveries,
    movements: MovementTotals,
    /// The report of the decision being replicated.
    proposed: Option<DecisionReport>,
    band: ToleranceBand,
    band_for: Option<BandFor>,
}

impl Observer {
    /// An observer whose figures count from `watches_from` on, after the cluster has settled.
    #[must_use]
    pub fn new(watches_from: Timestamp) -> Self {
        Self {
            watches_from,
            latest: BalanceSample::default(),
            sampled_at: Timestamp::ZERO,
            worst: (BalanceSample::default(), Timestamp::ZERO),
            over_band: Duration::ZERO,
            outage_before: Outage::default(),
            recoveries: Recoveries::default(),
            movements: MovementTotals::default(),
            proposed: None,
            band: ToleranceBand::default(),
            band_for: None,
        }
    }

    /// Runs the cluster until `end`; calls `on_each` for each event, with the cluster right after it.
    pub fn run(&mut self, cluster: &mut SimCluster, end: Timestamp, on_each: &mut dyn FnMut(&SimCluster, &TimedEvent)) {
        if cluster.now() < self.watches_from && self.watches_from < end {
            self.run(cluster, self.watches_from, on_each);
        }
        let mut has_more = true;
        while has_more {
            has_more = cluster.run_to_change(end);
            for event in cluster.take_events() {
                self.on_event(cluster, &event);
                on_each(cluster, &event);
            }
            self.sample(cluster, false);
        }
    }

    /// Samples after an operation on the cluster.
    pub fn on_cluster_changed(&mut self, cluster: &SimCluster) {
        self.sample(cluster, false);
    }

    /// Samples after a change of the load.
    pub fn on_load_changed(&mut self, cluster: &SimCluster) {
        self.sample(cluster, true);
    }

    /// The sample after the latest change.
    #[must_use]
    pub const fn latest(&self) -> &BalanceSample {
        &self.latest
    }

    /// The sample with the largest ratio of hottest pod to mean, and its time.
    #[must_use]
    pub const fn worst(&self) -> &(BalanceSample, Timestamp) {
        &self.worst
    }

    /// The time in which some pod was over the band.
    #[must_use]
    pub const fn over_band(&self) -> Duration {
        self.over_band
    }

    /// The time in which some load was not served, and the units of load lost.
    #[must_use]
    pub fn outage(&self, cluster: &SimCluster) -> (Duration, u64) {
        let (now, before) = (cluster.outage(), &self.outage_before);
        (now.lasted - before.lasted, now.lost_units() - before.lost_units())
    }

    /// The recoveries from load steps.
    #[must_use]
    pub const fn recoveries(&self) -> &Recoveries {
        &self.recoveries
    }

    /// The moves by cause and the churn.
    #[must_use]
    pub const fn movements(&self) -> &MovementTotals {
        &self.movements
    }

    fn on_event(&mut self, cluster: &SimCluster, event: &TimedEvent) {
        match &event.what {
            ClusterEvent::Decided(report) => self.proposed = Some(report.clone()),
            ClusterEvent::Replicated {
                change: ChangeKind::Assign { .. },
                outcome,
            } => {
                let report = self.proposed.take().filter(|_| *outcome == Applied::Done);
                if let Some(report) = report.filter(|_| event.at >= self.watches_from) {
                    self.movements
                        .record_decision(&report, &cluster.state().assignment, cluster.traffic());
                }
            }
            ClusterEvent::Routed { before, after } if event.at >= self.watches_from => {
                let stays = |pod: &PodName| {
                    let record = cluster.state().pods.get(pod);
                    record.is_some_and(|record| !record.is_draining)
                };
                let churn = Churn::between(before, after, cluster.traffic(), stays);
                self.movements.record_churn(churn, cluster.traffic());
            }
            ClusterEvent::Routed { .. }
            | ClusterEvent::Replicated { .. }
            | ClusterEvent::Published { .. }
            | ClusterEvent::Exited { .. }
            | ClusterEvent::Elected => {}
        }
    }

    fn sample(&mut self, cluster: &SimCluster, is_step: bool) {
        let now = cluster.now();
        if self.latest.over_count > 0 {
            self.over_band += now.since(self.sampled_at.max(self.watches_from));
        }
        self.sampled_at = now;
        if now <= self.watches_from {
            self.outage_before = *cluster.outage();
        }
        self.refresh_band(cluster);
        self.latest = self.band.sample(cluster);
        self.recoveries.record(&self.latest, is_step, now);
        let is_worse = self.latest.max_over_mean() > self.worst.0.max_over_mean();
        if now >= self.watches_from && is_worse {
            self.worst = (self.latest, now);
        }
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
