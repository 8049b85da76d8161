//! The observer: samples the cluster after every change.

use std::time::Duration;

use emberkeep_core::time::Timestamp;

use super::{BalanceMeter, BalanceSample, MovementMeter, MovementTotals, Recoveries};
use crate::cluster::{Outage, SimCluster, TimedEvent};

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
    movement_meter: MovementMeter,
    balance_meter: BalanceMeter,
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
            movement_meter: MovementMeter::default(),
            balance_meter: BalanceMeter::default(),
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
        let moved = self.movement_meter.on_event(cluster, event);
        if event.at >= self.watches_from {
            self.movements.add(&moved);
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
        self.latest = self.balance_meter.sample(cluster);
        self.recoveries.record(&self.latest, is_step, now);
        let is_worse = self.latest.max_over_mean() > self.worst.0.max_over_mean();
        if now >= self.watches_from && is_worse {
            self.worst = (self.latest, now);
        }
    }
}
