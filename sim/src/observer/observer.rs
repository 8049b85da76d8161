//! The observer: takes a reading whenever something changes.

use std::time::Duration;

use emberkeep_core::assigner::{Applied, ChangeKind};
use emberkeep_core::balancer::{BalancerSettings, Report};
use emberkeep_core::pod::PodName;
use emberkeep_core::time::Timestamp;

use super::tolerance_band::may_own;
use super::{BalanceSample, Churn, MovementTotals, Recoveries, ToleranceBand};
use crate::cluster::{Cluster, Happening, News, Outage};

/// What a band was made for: how often rates had changed, over how many pods of what weight, and with what settings.
type BandFor = (u64, usize, u64, BalancerSettings);

/// Watches a cluster from a moment on. All it says is exact: between two changes nothing changes.
#[derive(Debug)]
pub struct Observer {
    watches_from: Timestamp,
    reading: BalanceSample,
    read_at: Timestamp,
    worst: (BalanceSample, Timestamp),
    over_band: Duration,
    outage_before: Outage,
    cures: Recoveries,
    tally: MovementTotals,
    /// The reasons of the decision that is being replicated.
    proposed: Option<Report>,
    band: ToleranceBand,
    band_for: Option<BandFor>,
}

impl Observer {
    /// Watches from that moment on; what was before is settling in.
    #[must_use]
    pub fn new(watches_from: Timestamp) -> Self {
        Self {
            watches_from,
            reading: BalanceSample::default(),
            read_at: Timestamp::ZERO,
            worst: (BalanceSample::default(), Timestamp::ZERO),
            over_band: Duration::ZERO,
            outage_before: Outage::default(),
            cures: Recoveries::default(),
            tally: MovementTotals::default(),
            proposed: None,
            band: ToleranceBand::default(),
            band_for: None,
        }
    }

    /// Lets the cluster run until `end`, and shows `see` all news with the cluster as it was right after them.
    pub fn run(&mut self, cluster: &mut Cluster, end: Timestamp, see: &mut dyn FnMut(&Cluster, &News)) {
        if cluster.now() < self.watches_from && self.watches_from < end {
            self.run(cluster, self.watches_from, see);
        }
        let mut goes_on = true;
        while goes_on {
            goes_on = cluster.run_to_change(end);
            for news in cluster.take_news() {
                self.hear(cluster, &news);
                see(cluster, &news);
            }
            self.read(cluster, false);
        }
    }

    /// Something was done to the cluster just now.
    pub fn look(&mut self, cluster: &Cluster) {
        self.read(cluster, false);
    }

    /// The load was changed just now.
    pub fn load_changed(&mut self, cluster: &Cluster) {
        self.read(cluster, true);
    }

    /// How load is spread now.
    #[must_use]
    pub const fn reading(&self) -> &BalanceSample {
        &self.reading
    }

    /// When the most loaded pod was furthest above the mean, and how far.
    #[must_use]
    pub const fn worst(&self) -> &(BalanceSample, Timestamp) {
        &self.worst
    }

    /// For how long pods were over the band that could have been in it.
    #[must_use]
    pub const fn over_band(&self) -> Duration {
        self.over_band
    }

    /// For how long load was not answered, and how many units of it.
    #[must_use]
    pub fn outage(&self, cluster: &Cluster) -> (Duration, u64) {
        let (now, before) = (cluster.outage(), &self.outage_before);
        (now.lasted - before.lasted, now.lost_units() - before.lost_units())
    }

    /// How long it took to answer steps of the load.
    #[must_use]
    pub const fn cures(&self) -> &Recoveries {
        &self.cures
    }

    /// What moved, and why.
    #[must_use]
    pub const fn tally(&self) -> &MovementTotals {
        &self.tally
    }

    fn hear(&mut self, cluster: &Cluster, news: &News) {
        match &news.what {
            Happening::Decided(report) => self.proposed = Some(report.clone()),
            Happening::Replicated {
                change: ChangeKind::Assign { .. },
                outcome,
            } => {
                let report = self.proposed.take().filter(|_| *outcome == Applied::Done);
                if let Some(report) = report.filter(|_| news.at >= self.watches_from) {
                    self.tally
                        .decided(&report, &cluster.state().assignment, cluster.traffic());
                }
            }
            Happening::Routed { before, after } if news.at >= self.watches_from => {
                let stays = |pod: &PodName| {
                    let record = cluster.state().pods.get(pod);
                    record.is_some_and(|record| !record.is_draining)
                };
                let churn = Churn::between(before, after, cluster.traffic(), stays);
                self.tally.churned(churn, cluster.traffic());
            }
            Happening::Routed { .. }
            | Happening::Replicated { .. }
            | Happening::Published { .. }
            | Happening::Exited { .. }
            | Happening::Elected => {}
        }
    }

    fn read(&mut self, cluster: &Cluster, is_step: bool) {
        let now = cluster.now();
        if self.reading.over_count > 0 {
            self.over_band += now.since(self.read_at.max(self.watches_from));
        }
        self.read_at = now;
        if now <= self.watches_from {
            self.outage_before = *cluster.outage();
        }
        self.refresh_band(cluster);
        self.reading = self.band.read(cluster);
        self.cures.read(&self.reading, is_step, now);
        let is_worse = self.reading.max_over_mean() > self.worst.0.max_over_mean();
        if now >= self.watches_from && is_worse {
            self.worst = (self.reading, now);
        }
    }

    fn refresh_band(&mut self, cluster: &Cluster) {
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
