//! The stage: where a scenario is played.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::pod::{PodName, Weight};
use emberkeep_core::time::Timestamp;

use super::figures::counted;
use super::load_model::LoadModel;
use super::scenario_op::{PodSelector, ScenarioOp, Setting, end_of, verb_of};
use super::setup::Setup;
use super::summary::summary;
use super::timed_op::TimedOp;
use super::timeline::Timeline;
use crate::cluster::{Cluster, Fault, Happening, NewPod};
use crate::observer::Observer;

/// A cluster and those who watch it.
pub(super) struct ScenarioRunner<'a> {
    setup: &'a Setup,
    cluster: Cluster,
    demand: LoadModel,
    observer: Observer,
    timeline: Timeline,
    /// What is still to be done, in the order of time and then of how it was put there.
    agenda: BTreeMap<(Timestamp, u64), ScheduledAction>,
    act_count: u64,
    pod_count: u64,
    /// The pods that were not replaced yet, the oldest first.
    to_replace: VecDeque<PodName>,
    /// The pods in the order in which they restart in turn.
    to_restart: VecDeque<PodName>,
    /// Those that start again once they have drained.
    restarting: BTreeSet<PodName>,
}

/// What is done at its time.
enum ScheduledAction {
    ScenarioOp(ScenarioOp),
    Strike(Vec<PodName>, Fault),
    /// The load that moves by itself has moved on.
    FollowLoad,
}

/// How often load that moves by itself is looked at.
const LOAD_STEP: Duration = Duration::from_secs(5);
/// How long a process takes to start again after it has ended.
const START_TIME: Duration = Duration::from_secs(3);
/// How long an election takes.
const ELECTION_TIME: Duration = Duration::from_millis(500);
/// The longest time between two looks at who has exited; shorter than a start.
const LOOK: Duration = Duration::from_secs(1);

impl<'a> ScenarioRunner<'a> {
    pub(super) fn new(setup: &'a Setup, seed: u64) -> Self {
        let mut stage = Self {
            setup,
            cluster: Cluster::new(setup.cluster(seed)),
            demand: LoadModel::new(setup.keys(), setup.load(), seed),
            observer: Observer::new(Timestamp::ZERO + setup.watch_from()),
            timeline: Timeline::default(),
            agenda: BTreeMap::new(),
            act_count: 0,
            pod_count: 0,
            to_replace: VecDeque::new(),
            to_restart: VecDeque::new(),
            restarting: BTreeSet::new(),
        };
        stage.change_load();
        stage.add(setup.pod_count(), None, None);
        stage
    }

    /// Plays all steps to the end, and answers with the text of what came of it.
    pub(super) fn play(mut self, steps: &[TimedOp]) -> String {
        for step in steps {
            self.plan(Timestamp::ZERO + step.at, ScheduledAction::ScenarioOp(step.op.clone()));
        }
        let end = Timestamp::ZERO + self.setup.run();
        while self.cluster.now() < end {
            let next = self.agenda.first_key_value().map_or(end, |((at, _), _)| *at);
            self.run_until(next.min(end).min(self.cluster.now() + LOOK));
            self.act();
        }
        let summary = summary(&self.cluster, &self.observer);
        format!("timeline\n{}summary\n{summary}", self.timeline.text())
    }

    fn plan(&mut self, at: Timestamp, act: ScheduledAction) {
        self.agenda.insert((at, self.act_count), act);
        self.act_count += 1;
    }

    fn run_until(&mut self, end: Timestamp) {
        let mut exited = Vec::new();
        let timeline = &mut self.timeline;
        self.observer.run(&mut self.cluster, end, &mut |cluster, news| {
            if let Happening::Exited { pod, .. } = &news.what {
                exited.push((news.at, pod.clone()));
            }
            timeline.hear(news);
            timeline.look(cluster);
        });
        timeline.look(&self.cluster);
        for (at, pod) in exited {
            if self.restarting.remove(&pod) {
                self.plan(at + START_TIME, ScheduledAction::Strike(vec![pod], Fault::Start));
            }
        }
    }

    /// Does all that is due.
    fn act(&mut self) {
        while let Some(entry) = self
            .agenda
            .first_entry()
            .filter(|entry| entry.key().0 <= self.cluster.now())
        {
            match entry.remove() {
                ScheduledAction::ScenarioOp(op) => self.perform(op),
                ScheduledAction::Strike(pods, fault) => self.strike(&pods, fault),
                ScheduledAction::FollowLoad => self.change_load(),
            }
            self.timeline.look(&self.cluster);
            self.observer.look(&self.cluster);
        }
    }

    fn perform(&mut self, op: ScenarioOp) {
        if self.demand.take(&op, self.cluster.now()) {
            self.note(op.to_string());
            self.change_load();
            return;
        }
        match op {
            ScenarioOp::Strike { pods, fault, lasts } => {
                let pods = self.pods_of(&pods);
                self.strike(&pods, fault);
                if let Some(lasts) = lasts {
                    let end = self.cluster.now() + lasts;
                    self.plan(end, ScheduledAction::Strike(pods, end_of(fault)));
                }
            }
            ScenarioOp::Add { count, zone, weight } => self.add(count, zone.as_deref(), weight),
            ScenarioOp::ReplaceNext => self.replace_next(),
            ScenarioOp::RestartNext => self.restart_next(),
            ScenarioOp::ChangeLeader => {
                self.note(ScenarioOp::ChangeLeader.to_string());
                self.cluster.change_leader(ELECTION_TIME);
            }
            ScenarioOp::Freeze(is_frozen) => {
                self.note(ScenarioOp::Freeze(is_frozen).to_string());
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

    fn note(&mut self, what: String) {
        self.timeline.note(self.cluster.now(), what);
    }

    fn strike(&mut self, pods: &[PodName], fault: Fault) {
        let names: Vec<&str> = pods.iter().map(PodName::as_str).collect();
        let names = match names.as_slice() {
            [] => "nobody".to_owned(),
            names if names.len() <= NAMES_SHOWN_MAX => names.join(" "),
            names => counted(names.len(), "pod"),
        };
        self.note(format!("{} {names}", verb_of(fault)));
        for pod in pods {
            self.cluster.strike(pod, fault);
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
                let key = SliceKey::from_position(self.demand.position_of(*key));
                let assignment = self.cluster.routing().assignment();
                let (_, state) = assignment.get(&key);
                let owners = state.replicas.serving().map(|pod| assignment.pod(pod).name.clone());
                owners.collect()
            }
        }
    }

    fn add(&mut self, count: u64, zone: Option<&str>, weight: Option<Weight>) {
        self.note(format!("{} start", counted(count as usize, "pod")));
        for _ in 0..count {
            self.join(zone, weight);
        }
    }

    fn join(&mut self, zone: Option<&str>, weight: Option<Weight>) -> PodName {
        let number = self.pod_count;
        self.pod_count += 1;
        let name = PodName::try_new(&format!("pod-{number}")).expect("a number makes a name");
        self.cluster.add_pod(NewPod {
            name: name.clone(),
            zone: zone.unwrap_or(self.setup.zone_of(number)).into(),
            weight: weight.unwrap_or(self.setup.weight_of(number)),
        });
        self.to_replace.push_back(name.clone());
        self.to_restart.push_back(name.clone());
        name
    }

    /// The new one is of the kind of the old one.
    fn replace_next(&mut self) {
        let Some(old) = self.to_replace.pop_front() else { return };
        let of_old = self.cluster.pods().find(|pod| pod.pod.name == old);
        let (zone, weight) = of_old
            .map(|pod| (pod.pod.zone.clone(), pod.pod.weight))
            .unwrap_or_default();
        self.to_restart.retain(|pod| *pod != old);
        let new = self.join(Some(&zone), Some(weight));
        self.note(format!("replace {old} by {new}"));
        self.cluster.strike(&old, Fault::Drain);
    }

    fn restart_next(&mut self) {
        let Some(pod) = self.to_restart.pop_front() else { return };
        self.to_restart.push_back(pod.clone());
        self.note(format!("restart {pod}"));
        if self.cluster.strike(&pod, Fault::Drain) {
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
        self.note("an operator changes the settings".to_owned());
        self.cluster.configure(target);
    }

    fn change_load(&mut self) {
        let rates = self.demand.rates_at(self.cluster.now());
        self.cluster.set_loads(rates);
        self.observer.load_changed(&self.cluster);
        if self.demand.is_moving() {
            self.agenda.retain(|_, act| !matches!(act, ScheduledAction::FollowLoad));
            self.plan(self.cluster.now() + LOAD_STEP, ScheduledAction::FollowLoad);
        }
    }
}

/// More names do not fit on a line.
const NAMES_SHOWN_MAX: usize = 6;
