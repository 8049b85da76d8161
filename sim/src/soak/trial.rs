//! The trial: runs a case and checks the invariants.

use std::collections::BTreeSet;
use std::time::Duration;

use emberkeep_core::load::Load;
use emberkeep_core::pod::PodName;
use emberkeep_core::time::Timestamp;

use super::Case;
use super::disturbance::Disturbance;
use super::invariant_checker::{InvariantChecker, InvariantViolation, check_settled};
use super::shape::name_of;
use crate::chart::{ChartRecorder, ChartTexts, RunChart};
use crate::cluster::{Fault, PodView, ProcessState, SimCluster, TimedEvent};
use crate::observer::{NoteKind, Timeline};

/// How long after the last disturbance the cluster must have recovered: more than the memory of a mass failure (60 s), new load
/// measurements (15 s) and a balancing round (5 s) together.
pub const SETTLE: Duration = Duration::from_secs(90);

/// The cluster is observed for at least this time, in which a drain that cannot succeed times out.
const OBSERVED_MIN: Duration = Duration::from_secs(25);

/// The interval of checks between disturbances.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// The cluster of a case under its disturbances.
struct Trial<'a> {
    case: &'a Case,
    cluster: SimCluster,
    invariants: InvariantChecker,
    pod_count: u64,
    /// The pods whose latest incarnation was ordered to drain.
    drained: BTreeSet<PodName>,
    /// Positions and initial rates, by rank.
    keys: Vec<(u64, Load)>,
    /// Present if a chart is wanted.
    recording: Option<TrialRecording>,
}

/// What a chart needs of a trial.
struct TrialRecording {
    recorder: ChartRecorder,
    timeline: Timeline,
    /// The events that the invariants were not checked with yet.
    unchecked: Vec<TimedEvent>,
}

/// Runs the case; returns the virtual time that it took.
pub(super) fn attempt(case: &Case) -> Result<Duration, InvariantViolation> {
    let mut trial = Trial::new(case);
    trial.run()?;
    Ok(trial.cluster.now().since(Timestamp::ZERO))
}

/// Runs the case and returns its chart under that title. The violation, if there is one, is its last note.
pub(super) fn chart_of(case: &Case, title: &str) -> RunChart {
    let mut trial = Trial::new(case);
    let last = case.disturbances.last().map_or(Duration::ZERO, |(at, _)| *at);
    trial.recording = Some(TrialRecording {
        recorder: ChartRecorder::new(last + SETTLE, case.shape.pod_count as usize),
        timeline: Timeline::default(),
        unchecked: Vec::new(),
    });
    trial.sample();
    let violation = trial.run().err();
    if let Some(InvariantViolation { at, what }) = &violation {
        trial.record(*at, NoteKind::Violation, format!("invariant violated: {what}"));
    }
    let recording = trial.recording.expect("it was set before the run and stays");
    let texts = texts(case, title, violation.as_ref());
    let notes = recording.timeline.into_notes();
    recording.recorder.finish(&trial.cluster, texts, notes)
}

fn texts(case: &Case, title: &str, violation: Option<&InvariantViolation>) -> ChartTexts {
    ChartTexts {
        title: title.to_owned(),
        lead: match violation {
            None => "Every invariant held.".to_owned(),
            Some(violation) => format!("An invariant was violated: {violation}."),
        },
        is_violated: violation.is_some(),
        seed: case.seed(),
        script: case.to_string(),
        summary: String::new(),
        watch_from_ms: 0,
    }
}

impl<'a> Trial<'a> {
    fn new(case: &'a Case) -> Self {
        let cluster = SimCluster::new(case.shape.settings(case.seed()));
        let mut trial = Self {
            invariants: InvariantChecker::new(&cluster),
            keys: case.shape.keys(case.seed()),
            case,
            cluster,
            pod_count: 0,
            drained: BTreeSet::new(),
            recording: None,
        };
        trial.cluster.set_loads(trial.keys.iter().copied());
        (0..case.shape.pod_count).for_each(|_| trial.join());
        trial
    }

    /// Runs all disturbances and the recovery from them.
    fn run(&mut self) -> Result<(), InvariantViolation> {
        let case = self.case;
        for (at, disturbance) in &case.disturbances {
            self.run_until(Timestamp::ZERO + *at)?;
            self.record(self.cluster.now(), disturbance.kind(), disturbance.to_string());
            self.inject(disturbance);
            self.sample();
            self.check()?;
        }
        let healed = "all pods are thawed and reconnected, the assignment is released";
        self.record(self.cluster.now(), NoteKind::Operator, healed.to_owned());
        self.heal_all();
        self.sample();
        self.settle()
    }

    fn run_until(&mut self, end: Timestamp) -> Result<(), InvariantViolation> {
        while self.cluster.now() < end {
            let next = end.min(self.cluster.now() + CHECK_INTERVAL);
            self.advance(next);
            self.check()?;
        }
        Ok(())
    }

    /// Runs the cluster; with a chart from change to change, of which each is recorded.
    fn advance(&mut self, end: Timestamp) {
        let Some(recording) = &mut self.recording else {
            return self.cluster.run_until(end);
        };
        let mut has_more = true;
        while has_more {
            has_more = self.cluster.run_to_change(end);
            recording.take_events(&mut self.cluster);
        }
    }

    fn record(&mut self, at: Timestamp, kind: NoteKind, text: String) {
        if let Some(recording) = &mut self.recording {
            recording.timeline.record(at, kind, text);
        }
    }

    fn sample(&mut self) {
        if let Some(recording) = &mut self.recording {
            recording.take_events(&mut self.cluster);
        }
    }

    /// Runs until the cluster has recovered.
    fn settle(&mut self) -> Result<(), InvariantViolation> {
        let end = self.cluster.now() + SETTLE;
        self.run_until(self.cluster.now() + OBSERVED_MIN)?;
        loop {
            let at = self.cluster.now();
            match check_settled(&self.cluster) {
                Ok(()) => return Ok(()),
                Err(what) if at >= end => return Err(InvariantViolation { at, what }),
                Err(_) => self.run_until(end.min(at + CHECK_INTERVAL))?,
            }
        }
    }

    fn check(&mut self) -> Result<(), InvariantViolation> {
        let recorded = self.recording.as_mut();
        let mut events = recorded.map_or_else(Vec::new, |recording| std::mem::take(&mut recording.unchecked));
        events.extend(self.cluster.take_events());
        for event in events {
            let checked = self.invariants.on_event(&self.cluster, &event);
            checked.map_err(|what| InvariantViolation { at: event.at, what })?;
        }
        let at = self.cluster.now();
        self.invariants
            .check(&self.cluster)
            .map_err(|what| InvariantViolation { at, what })
    }

    fn inject(&mut self, disturbance: &Disturbance) {
        let now = self.cluster.now();
        match disturbance {
            Disturbance::Join => self.join(),
            Disturbance::Inject { pod, fault } => {
                let name = name_of(pod % self.pod_count.max(1));
                let was_struck = self.cluster.inject(&name, *fault);
                match fault {
                    Fault::Drain if was_struck => self.drained.insert(name),
                    Fault::Start => self.drained.remove(&name),
                    _ => false,
                };
            }
            Disturbance::ChangeLeader { election } => {
                self.invariants.record_interruption(now + *election);
                self.cluster.change_leader(*election);
            }
            Disturbance::FailProposals { lasts } => {
                self.invariants.record_interruption(now + *lasts);
                self.cluster.fail_proposals(*lasts);
            }
            Disturbance::Scale { percent } => {
                let scaled = |(key, rate): &(u64, Load)| (*key, rate.share(u128::from(*percent), 300));
                let rates: Vec<_> = self.keys.iter().map(scaled).collect();
                self.cluster.set_loads(rates);
            }
            Disturbance::HotKey { rank, percent } => self.add_hot_key(*rank, *percent),
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

    fn add_hot_key(&mut self, rank: u64, percent: u64) {
        let (position, rate) = self.keys[rank as usize % self.keys.len()];
        let total: Load = self.keys.iter().map(|(_, rate)| *rate).sum();
        self.cluster
            .set_loads([(position, rate + total.share(u128::from(percent), 100))]);
    }

    /// Thaws and reconnects all pods, releases the assignment, and adds a pod if none would stay.
    fn heal_all(&mut self) {
        self.cluster.fail_proposals(Duration::ZERO);
        self.cluster.set_frozen(false);
        let pods: Vec<PodName> = self.cluster.pods().map(|pod| pod.pod.name.clone()).collect();
        for pod in pods {
            self.cluster.inject(&pod, Fault::Thaw);
            self.cluster.inject(&pod, Fault::Reconnect);
        }
        let stays = |pod: PodView<'_>| pod.process == ProcessState::Running && !self.drained.contains(&pod.pod.name);
        let has_remaining = self.cluster.pods().any(stays);
        if !has_remaining {
            self.join();
        }
    }
}

impl TrialRecording {
    /// Records the events so far and the state after them.
    fn take_events(&mut self, cluster: &mut SimCluster) {
        for event in cluster.take_events() {
            self.timeline.on_event(&event);
            self.recorder.on_event(cluster, &event);
            self.unchecked.push(event);
        }
        self.timeline.on_cluster_changed(cluster);
        self.recorder.sample(cluster);
    }
}
