//! The trial: a case happens, and is watched.

use std::collections::BTreeSet;
use std::time::Duration;

use emberkeep_core::load::Load;
use emberkeep_core::pod::PodName;
use emberkeep_core::time::Timestamp;

use super::Case;
use super::disturbance::Disturbance;
use super::invariant_checker::{InvariantChecker, InvariantViolation, check_settled};
use super::shape::name_of;
use crate::cluster::{Cluster, Fault, PodView, Process};

/// How long after the last disturbance all must be well: longer than the memory of a mass failure (60 s), measuring anew
/// (15 s) and a round of balancing (5 s) take together.
pub const SETTLE: Duration = Duration::from_secs(90);

/// So long is watched in any case, so that a drain that cannot succeed is over.
const WATCHED_MIN: Duration = Duration::from_secs(25);

/// How often is looked while nothing happens.
const LOOK: Duration = Duration::from_secs(5);

/// A cluster in disturbance.
struct Trial<'a> {
    case: &'a Case,
    cluster: Cluster,
    invariants: InvariantChecker,
    pod_count: u64,
    /// Those whose newest life was told to drain.
    drained: BTreeSet<PodName>,
    /// By rank, with their rates in the beginning.
    keys: Vec<(u64, Load)>,
}

/// Lets the case happen; answers with how much virtual time that took.
pub(super) fn attempt(case: &Case) -> Result<Duration, InvariantViolation> {
    let mut trial = Trial::new(case);
    for (at, disturbance) in &case.disturbances {
        trial.run_until(Timestamp::ZERO + *at)?;
        trial.befall(disturbance);
        trial.check()?;
    }
    trial.end_all_trouble();
    trial.settle()?;
    Ok(trial.cluster.now().since(Timestamp::ZERO))
}

impl<'a> Trial<'a> {
    fn new(case: &'a Case) -> Self {
        let cluster = Cluster::new(case.shape.settings(case.seed()));
        let mut trial = Self {
            invariants: InvariantChecker::new(&cluster),
            keys: case.shape.keys(case.seed()),
            case,
            cluster,
            pod_count: 0,
            drained: BTreeSet::new(),
        };
        trial.cluster.set_loads(trial.keys.iter().copied());
        (0..case.shape.pod_count).for_each(|_| trial.join());
        trial
    }

    fn run_until(&mut self, end: Timestamp) -> Result<(), InvariantViolation> {
        while self.cluster.now() < end {
            let next = end.min(self.cluster.now() + LOOK);
            self.cluster.run_until(next);
            self.check()?;
        }
        Ok(())
    }

    /// Runs until all is well.
    fn settle(&mut self) -> Result<(), InvariantViolation> {
        let end = self.cluster.now() + SETTLE;
        self.run_until(self.cluster.now() + WATCHED_MIN)?;
        loop {
            let at = self.cluster.now();
            match check_settled(&self.cluster) {
                Ok(()) => return Ok(()),
                Err(what) if at >= end => return Err(InvariantViolation { at, what }),
                Err(_) => self.run_until(end.min(at + LOOK))?,
            }
        }
    }

    fn check(&mut self) -> Result<(), InvariantViolation> {
        for news in self.cluster.take_news() {
            let heard = self.invariants.hear(&self.cluster, &news);
            heard.map_err(|what| InvariantViolation { at: news.at, what })?;
        }
        let at = self.cluster.now();
        self.invariants
            .look(&self.cluster)
            .map_err(|what| InvariantViolation { at, what })
    }

    fn befall(&mut self, disturbance: &Disturbance) {
        let now = self.cluster.now();
        match disturbance {
            Disturbance::Join => self.join(),
            Disturbance::Strike { pod, fault } => {
                let name = name_of(pod % self.pod_count.max(1));
                let was_struck = self.cluster.strike(&name, *fault);
                match fault {
                    Fault::Drain if was_struck => self.drained.insert(name),
                    Fault::Start => self.drained.remove(&name),
                    _ => false,
                };
            }
            Disturbance::ChangeLeader { election } => {
                self.invariants.held_up(now + *election);
                self.cluster.change_leader(*election);
            }
            Disturbance::FailProposals { lasts } => {
                self.invariants.held_up(now + *lasts);
                self.cluster.fail_proposals(*lasts);
            }
            Disturbance::Scale { percent } => {
                let scaled = |(key, rate): &(u64, Load)| (*key, rate.share(u128::from(*percent), 300));
                let rates: Vec<_> = self.keys.iter().map(scaled).collect();
                self.cluster.set_loads(rates);
            }
            Disturbance::HotKey { rank, percent } => self.heat(*rank, *percent),
            Disturbance::Replicas { min, max } => {
                let mut settings = self.cluster.state().settings.clone();
                (settings.balancer.min_replicas, settings.balancer.max_replicas) = (*min, *max);
                self.cluster.configure(settings);
            }
            Disturbance::Imbalance(imbalance) => {
                let mut settings = self.cluster.state().settings.clone();
                settings.balancer.imbalance = *imbalance;
                self.cluster.configure(settings);
            }
            Disturbance::Freeze(is_frozen) => self.cluster.set_frozen(*is_frozen),
        }
    }

    fn join(&mut self) {
        self.cluster.add_pod(self.case.shape.pod(self.pod_count));
        self.pod_count += 1;
    }

    fn heat(&mut self, rank: u64, percent: u64) {
        let (position, rate) = self.keys[rank as usize % self.keys.len()];
        let total: Load = self.keys.iter().map(|(_, rate)| *rate).sum();
        self.cluster
            .set_loads([(position, rate + total.share(u128::from(percent), 100))]);
    }

    /// Whoever sleeps or is cut off is back, nothing is frozen, and somebody runs who does not drain.
    fn end_all_trouble(&mut self) {
        self.cluster.fail_proposals(Duration::ZERO);
        self.cluster.set_frozen(false);
        let pods: Vec<PodName> = self.cluster.pods().map(|pod| pod.pod.name.clone()).collect();
        for pod in pods {
            self.cluster.strike(&pod, Fault::Thaw);
            self.cluster.strike(&pod, Fault::Reconnect);
        }
        let stays = |pod: PodView<'_>| pod.process == Process::Running && !self.drained.contains(&pod.pod.name);
        let has_anybody = self.cluster.pods().any(stays);
        if !has_anybody {
            self.join();
        }
    }
}
