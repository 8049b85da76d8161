//! The runner: executes a scenario on a simulated cluster.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::pod::{PodName, Weight};
use emberkeep_core::time::Timestamp;

use super::load_model::LoadModel;
use super::scenario_op::{PodSelector, ScenarioOp, Setting, end_of, verb_of};
use super::setup::Setup;
use super::summary::summary;
use super::timed_op::TimedOp;
use crate::chart::{ChartRecorder, ChartTexts, RunChart};
use crate::cluster::{ClusterEvent, Fault, NewPod, SimCluster};
use crate::observer::figures::counted;
use crate::observer::{NoteKind, Observer, Timeline, timeline_text};

/// A scenario in execution: the cluster, its load, the observer and the pending actions.
pub(super) struct ScenarioRunner<'a> {
    setup: &'a Setup,
    cluster: SimCluster,
    load: LoadModel,
    observer: Observer,
    timeline: Timeline,
    /// Present if a chart is wanted.
    recorder: Option<ChartRecorder>,
    /// Pending actions by time, those of the same time in the order they were scheduled.
    agenda: BTreeMap<(Timestamp, u64), ScheduledAction>,
    scheduled_count: u64,
    pod_count: u64,
    /// The pods that were not replaced yet, oldest first.
    to_replace: VecDeque<PodName>,
    /// The pods in the order of their next restart.
    to_restart: VecDeque<PodName>,
    /// The draining pods that start again after their exit.
    restarting: BTreeSet<PodName>,
}

/// An action at its time.
enum ScheduledAction {
    Op(ScenarioOp),
    Inject(Vec<PodName>, Fault),
    /// Updates the load that changes over time.
    UpdateLoad,
}

/// The interval of updates while the load changes over time.
const LOAD_UPDATE_INTERVAL: Duration = Duration::from_secs(5);
/// The time from the exit of a process to its restart.
const START_TIME: Duration = Duration::from_secs(3);
/// The time without a leader after its failure.
const ELECTION_TIME: Duration = Duration::from_millis(500);
/// The longest time between two checks for exited pods; shorter than [`START_TIME`], so that no restart is late.
const EXIT_POLL_INTERVAL: Duration = Duration::from_secs(1);

impl<'a> ScenarioRunner<'a> {
    pub(super) fn new(setup: &'a Setup, seed: u64) -> Self {
        let mut runner = Self {
            setup,
            cluster: SimCluster::new(setup.cluster(seed)),
            load: LoadModel::new(setup.keys(), setup.load(), seed),
            observer: Observer::new(Timestamp::ZERO + setup.watch_from()),
            timeline: Timeline::default(),
            recorder: None,
            agenda: BTreeMap::new(),
            scheduled_count: 0,
            pod_count: 0,
            to_replace: VecDeque::new(),
            to_restart: VecDeque::new(),
            restarting: BTreeSet::new(),
        };
        runner.change_load();
        runner.add(setup.pod_count(), None, None);
        runner
    }

    /// Runs all operations to the end and returns the text of the outcome.
    pub(super) fn run(mut self, ops: &[TimedOp]) -> String {
        self.run_to_end(ops);
        let summary = summary(&self.cluster, &self.observer);
        outcome(&timeline_text(&self.timeline.into_notes()), &summary)
    }

    /// Runs all operations to the end and returns the text of the outcome and the chart; `texts` lacks only the summary.
    pub(super) fn run_with_chart(mut self, ops: &[TimedOp], texts: ChartTexts) -> (String, RunChart) {
        let joining = ops.iter().map(|timed| timed.op.joining_count()).sum::<u64>();
        let pod_count = self.setup.pod_count() + joining;
        let mut recorder = ChartRecorder::new(self.setup.run(), pod_count as usize);
        recorder.sample(&self.cluster);
        self.recorder = Some(recorder);
        self.run_to_end(ops);
        let summary = summary(&self.cluster, &self.observer);
        let notes = self.timeline.into_notes();
        let text = outcome(&timeline_text(&notes), &summary);
        let recorder = self.recorder.expect("it was set before the run and stays");
        let texts = ChartTexts { summary, ..texts };
        (text, recorder.finish(&self.cluster, texts, notes))
    }

    fn run_to_end(&mut self, ops: &[TimedOp]) {
        for timed in ops {
            self.schedule(Timestamp::ZERO + timed.at, ScheduledAction::Op(timed.op.clone()));
        }
        let end = Timestamp::ZERO + self.setup.run();
        while self.cluster.now() < end {
            let next = self.agenda.first_key_value().map_or(end, |((at, _), _)| *at);
            self.run_until(next.min(end).min(self.cluster.now() + EXIT_POLL_INTERVAL));
            self.run_due_actions();
        }
    }

    fn schedule(&mut self, at: Timestamp, action: ScheduledAction) {
        self.agenda.insert((at, self.scheduled_count), action);
        self.scheduled_count += 1;
    }

    fn run_until(&mut self, end: Timestamp) {
        let mut exited = Vec::new();
        let (timeline, recorder) = (&mut self.timeline, &mut self.recorder);
        self.observer.run(&mut self.cluster, end, &mut |cluster, event| {
            if let ClusterEvent::Exited { pod, .. } = &event.what {
                exited.push((event.at, pod.clone()));
            }
            timeline.on_event(event);
            timeline.on_cluster_changed(cluster);
            if let Some(recorder) = recorder {
                recorder.on_event(cluster, event);
            }
        });
        self.on_cluster_changed();
        for (at, pod) in exited {
            if self.restarting.remove(&pod) {
                self.schedule(at + START_TIME, ScheduledAction::Inject(vec![pod], Fault::Start));
            }
        }
    }

    /// Runs all actions that are due.
    fn run_due_actions(&mut self) {
        while let Some(entry) = self
            .agenda
            .first_entry()
            .filter(|entry| entry.key().0 <= self.cluster.now())
        {
            match entry.remove() {
                ScheduledAction::Op(op) => self.perform(op),
                ScheduledAction::Inject(pods, fault) => self.inject(&pods, fault),
                ScheduledAction::UpdateLoad => self.change_load(),
            }
            self.on_cluster_changed();
            self.observer.on_cluster_changed(&self.cluster);
        }
    }

    fn on_cluster_changed(&mut self) {
        self.timeline.on_cluster_changed(&self.cluster);
        if let Some(recorder) = &mut self.recorder {
            recorder.sample(&self.cluster);
        }
    }

    fn perform(&mut self, op: ScenarioOp) {
        if self.load.apply(&op, self.cluster.now()) {
            self.record(NoteKind::Load, op.to_string());
            self.change_load();
            return;
        }
        match op {
            ScenarioOp::Inject { pods, fault, lasts } => {
                let pods = self.pods_of(&pods);
                self.inject(&pods, fault);
                if let Some(lasts) = lasts {
                    let end = self.cluster.now() + lasts;
                    self.schedule(end, ScheduledAction::Inject(pods, end_of(fault)));
                }
            }
            ScenarioOp::Add { count, zone, weight } => self.add(count, zone.as_deref(), weight),
            ScenarioOp::ReplaceNext => self.replace_next(),
            ScenarioOp::RestartNext => self.restart_next(),
            ScenarioOp::ChangeLeader => {
                self.record(NoteKind::Fault, ScenarioOp::ChangeLeader.to_string());
                self.cluster.change_leader(ELECTION_TIME);
            }
            ScenarioOp::Freeze(is_frozen) => {
                self.record(NoteKind::Operator, ScenarioOp::Freeze(is_frozen).to_string());
                self.cluster.set_frozen(is_frozen);
            }
            ScenarioOp::Set(setting) => self.set(setting),
            ScenarioOp::HotKey { .. }
            | ScenarioOp::Crowd { .. }
            | ScenarioOp::HotRange { .. }
            | ScenarioOp::MoveRange { .. }
            | ScenarioOp::Scale { .. }
            | ScenarioOp::Wave { .. }
            | ScenarioOp::Calm => {}
        }
    }

    fn record(&mut self, kind: NoteKind, what: String) {
        self.timeline.record(self.cluster.now(), kind, what);
    }

    fn inject(&mut self, pods: &[PodName], fault: Fault) {
        let names: Vec<&str> = pods.iter().map(PodName::as_str).collect();
        let names = match names.as_slice() {
            [] => "no pod".to_owned(),
            names if names.len() <= NAMES_SHOWN_MAX => names.join(" "),
            names => counted(names.len(), "pod"),
        };
        self.record(NoteKind::of_fault(fault), format!("{} {names}", verb_of(fault)));
        for pod in pods {
            self.cluster.inject(pod, fault);
        }
    }

    fn pods_of(&self, pods: &PodSelector) -> Vec<PodName> {
        match pods {
            PodSelector::Named(named) => named.clone(),
            PodSelector::InZone(zone) => {
                let in_zone = self.cluster.pods().filter(|pod| *pod.pod.zone == **zone);
                in_zone.map(|pod| pod.pod.name.clone()).collect()
            }
            PodSelector::OwnersOf { key } => {
                let key = SliceKey::from_position(self.load.position_of(*key));
                let assignment = self.cluster.routing().assignment();
                let (_, state) = assignment.get(&key);
                let owners = state.replicas.serving().map(|pod| assignment.pod(pod).name.clone());
                owners.collect()
            }
        }
    }

    fn add(&mut self, count: u64, zone: Option<&str>, weight: Option<Weight>) {
        self.record(NoteKind::Pod, format!("{} start", counted(count as usize, "pod")));
        for _ in 0..count {
            self.join(zone, weight);
        }
    }

    fn join(&mut self, zone: Option<&str>, weight: Option<Weight>) -> PodName {
        let number = self.pod_count;
        self.pod_count += 1;
        let name = PodName::try_new(&format!("pod-{number}")).expect("the number makes a valid name");
        self.cluster.add_pod(NewPod {
            name: name.clone(),
            zone: zone.unwrap_or(self.setup.zone_of(number)).into(),
            weight: weight.unwrap_or(self.setup.weight_of(number)),
        });
        self.to_replace.push_back(name.clone());
        self.to_restart.push_back(name.clone());
        name
    }

    /// The new pod has the zone and weight of the old one.
    fn replace_next(&mut self) {
        let Some(old) = self.to_replace.pop_front() else { return };
        let of_old = self.cluster.pods().find(|pod| pod.pod.name == old);
        let (zone, weight) = of_old
            .map(|pod| (pod.pod.zone.clone(), pod.pod.weight))
            .unwrap_or_default();
        self.to_restart.retain(|pod| *pod != old);
        let new = self.join(Some(&zone), Some(weight));
        self.record(NoteKind::Pod, format!("replace {old} with {new}"));
        self.cluster.inject(&old, Fault::Drain);
    }

    fn restart_next(&mut self) {
        let Some(pod) = self.to_restart.pop_front() else { return };
        self.to_restart.push_back(pod.clone());
        self.record(NoteKind::Pod, format!("restart {pod}"));
        if self.cluster.inject(&pod, Fault::Drain) {
            self.restarting.insert(pod);
        }
    }

    fn set(&mut self, setting: Setting) {
        let mut target = self.cluster.state().settings.clone();
        let balancer = &mut target.balancer;
        match setting {
            Setting::Imbalance(imbalance) => balancer.imbalance = imbalance,
            Setting::Replicas { min, max } => (balancer.min_replicas, balancer.max_replicas) = (min, max),
            Setting::Capacity(capacity) => balancer.max_load_hint = capacity,
        }
        self.record(NoteKind::Operator, "an operator changes the settings".to_owned());
        self.cluster.configure(target);
    }

    fn change_load(&mut self) {
        let rates = self.load.rates_at(self.cluster.now());
        self.cluster.set_loads(rates);
        self.observer.on_load_changed(&self.cluster);
        if self.load.is_time_dependent() {
            self.agenda
                .retain(|_, action| !matches!(action, ScheduledAction::UpdateLoad));
            self.schedule(self.cluster.now() + LOAD_UPDATE_INTERVAL, ScheduledAction::UpdateLoad);
        }
    }
}

/// More names do not fit on a line of the timeline; their count is shown instead.
const NAMES_SHOWN_MAX: usize = 6;

fn outcome(timeline: &str, summary: &str) -> String {
    format!("timeline\n{timeline}summary\n{summary}")
}
