//! The cluster: its state, and the loop through virtual time.

use std::collections::BTreeMap;
use std::sync::Arc;

use emberkeep_core::assigner::{Change, ChangeKind, ClusterState, TargetBrain, TargetEvent, TargetState};
use emberkeep_core::assignment::{Assignment, Generation};
use emberkeep_core::brain::Stepper;
use emberkeep_core::load::Load;
use emberkeep_core::pod::{Pod, PodName};
use emberkeep_core::slicelet::{Ownership, SessionEvent};
use emberkeep_core::target::TargetName;
use emberkeep_core::time::Timestamp;

use super::alarm::Alarm;
use super::desk::Desk;
use super::event::{Life, Pending};
use super::news::{Happening, News};
use super::outage::Outage;
use super::pod::{Process, SimPod};
use super::queue::Queue;
use super::routing::Routing;
use super::settings::{ClusterSettings, Delay};
use super::traffic::Traffic;
use crate::random_stream::RandomStream;

/// A simulated cluster of one target: an assigner, pods, clients. It stands still until [`Cluster::run_until`].
#[derive(Debug)]
pub struct Cluster {
    pub(super) settings: ClusterSettings,
    pub(super) now: Timestamp,
    pub(super) queue: Queue<Pending>,
    pub(super) target: TargetName,
    /// What Raft replicates; it outlives every leader.
    pub(super) replicated: ClusterState,
    /// `None` while nobody leads.
    pub(super) brain: Option<Stepper<TargetBrain>>,
    pub(super) term: u64,
    pub(super) alarm: Alarm,
    pub(super) desk: Desk,
    pub(super) pods: Vec<SimPod>,
    pub(super) places: BTreeMap<PodName, usize>,
    pub(super) traffic: Traffic,
    pub(super) routing: Routing,
    reroute_count: u64,
    pub(super) outage: Outage,
    /// Until when proposals fail.
    pub(super) raft_fails_until: Timestamp,
    /// When the newest entry of the log is applied.
    pub(super) logged_until: Timestamp,
    /// The newest generation that all who watch were sent.
    pub(super) published: Generation,
    /// The chance of all that is not a pod.
    pub(super) chance: RandomStream,
    pub(super) news: Vec<News>,
}

/// A pod as an observer who sees everything sees it.
#[derive(Debug)]
pub struct PodView<'a> {
    /// The pod in its newest life.
    pub pod: &'a Pod,
    /// What its process is up to.
    pub process: Process,
    /// Whether the network to it is down.
    pub is_cut_off: bool,
    /// What it goes by.
    pub ownership: &'a Arc<Ownership>,
    /// The load that reaches it.
    pub load: Load,
}

impl Cluster {
    /// A cluster without pods and load, whose assigner has just been elected.
    #[must_use]
    pub fn new(settings: ClusterSettings) -> Self {
        let target = TargetName::try_new("simulated").expect("it is made of lower-case letters");
        let mut replicated = ClusterState::default();
        let kind = ChangeKind::CreateTarget {
            settings: settings.target.clone(),
        };
        let _ = replicated.apply(&Change {
            target: target.clone(),
            kind,
        });
        let mut cluster = Self {
            chance: RandomStream::new(settings.seed, 0),
            settings,
            now: Timestamp::ZERO,
            queue: Queue::new(),
            target,
            replicated,
            brain: None,
            term: 0,
            alarm: Alarm::off(),
            desk: Desk::default(),
            pods: Vec::new(),
            places: BTreeMap::new(),
            traffic: Traffic::default(),
            routing: Routing::unknown(),
            reroute_count: 0,
            outage: Outage::default(),
            raft_fails_until: Timestamp::ZERO,
            logged_until: Timestamp::ZERO,
            published: Generation::NONE,
            news: Vec::new(),
        };
        cluster.elected(0);
        cluster
    }

    /// Lets everything happen that happens no later than `end`.
    pub fn run_until(&mut self, end: Timestamp) {
        while self.run_to_change(end) {}
    }

    /// The same, but stops right after requests have begun to go other ways; answers whether it did.
    pub fn run_to_change(&mut self, end: Timestamp) -> bool {
        let reroute_count = self.reroute_count;
        while let Some((at, pending)) = self.queue.take_until(end) {
            debug_assert!(at >= self.now, "time does not go back");
            self.now = at;
            self.happens(pending);
            if self.reroute_count > reroute_count {
                return true;
            }
        }
        self.now = self.now.max(end);
        self.outage.changes(self.outage.unanswered, self.now);
        false
    }

    /// What time it is.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// What the assigner's members agree on.
    #[must_use]
    pub fn state(&self) -> &Arc<TargetState> {
        self.replicated
            .target(&self.target)
            .expect("it was created at the start and is never removed")
    }

    /// The true load of each key.
    #[must_use]
    pub const fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Where requests go.
    #[must_use]
    pub const fn routing(&self) -> &Routing {
        &self.routing
    }

    /// What could not be answered so far.
    #[must_use]
    pub const fn outage(&self) -> &Outage {
        &self.outage
    }

    /// All pods there ever were, in the order in which they were added.
    pub fn pods(&self) -> impl Iterator<Item = PodView<'_>> {
        self.pods.iter().enumerate().map(|(place, pod)| PodView {
            pod: &pod.pod,
            process: pod.process,
            is_cut_off: pod.is_cut_off,
            ownership: &pod.ownership,
            load: self.routing.load_of(place, &self.traffic),
        })
    }

    /// What has happened since it was last asked for.
    pub fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// Changes the rates of some keys, by the positions of their slice keys.
    pub fn set_loads(&mut self, rates: impl IntoIterator<Item = (u64, Load)>) {
        self.count_everywhere();
        self.traffic.set(rates);
        self.route_by(Arc::clone(self.routing.assignment()));
    }

    pub(super) fn happens(&mut self, pending: Pending) {
        match pending {
            Pending::AssignerAlarm => self.assigner_alarm(),
            Pending::PodAlarm(life) => self.pod_alarm(life),
            Pending::ToAssigner(said) => self.hear(said),
            Pending::ToPod(life, event) => self.reach_pod(life, event),
            Pending::InPod(life, event) => self.note(life, event),
            Pending::SessionEnded { term, session } if term == self.term => {
                self.step_assigner(TargetEvent::SessionClosed { session });
            }
            Pending::Replicated { term, change } => self.replicate(term, change),
            Pending::ProposalFailed { term } if term == self.term => self.proposal_failed(),
            Pending::Probed { term, pod, outcome } if term == self.term => self.step_assigner(TargetEvent::Probed {
                pod: pod.name,
                incarnation: pod.incarnation,
                outcome,
            }),
            Pending::LeadershipChecked { term, leads } if term == self.term => {
                self.step_assigner(TargetEvent::LeadershipChecked { leads });
            }
            Pending::ToClients(assignment) => self.tell_clients(assignment),
            Pending::SilenceEnds { life, silence } => self.silence_ends(life, silence),
            Pending::Elected { term } => self.elected(term),
            // A leader that leads no longer does not want to know.
            Pending::Probed { .. }
            | Pending::SessionEnded { .. }
            | Pending::ProposalFailed { .. }
            | Pending::LeadershipChecked { .. } => {}
        }
    }

    pub(super) fn tell(&mut self, what: Happening) {
        self.news.push(News { at: self.now, what });
    }

    pub(super) fn life(&self, place: usize) -> Life {
        Life {
            place,
            incarnation: self.pods[place].pod.incarnation,
        }
    }

    pub(super) fn is_this_life(&self, life: Life) -> bool {
        self.life(life.place) == life
    }

    /// How long something takes that no pod has a part in.
    pub(super) fn draw(&mut self, delay: Delay) -> std::time::Duration {
        self.chance.between(delay.min, delay.max)
    }

    /// Clients go by that assignment, and pods answer or not as they do now.
    pub(super) fn route_by(&mut self, assignment: Arc<Assignment>) {
        self.count_everywhere();
        let place_of = |pod: &Pod| {
            let place = *self.places.get(&pod.name)?;
            let is_it = self.pods[place].pod.incarnation == pod.incarnation && self.pods[place].answers();
            is_it.then_some(place)
        };
        self.reroute_count += 1;
        self.routing = Routing::new(assignment, &self.traffic, self.pods.len(), place_of);
        for place in 0..self.pods.len() {
            self.follow(place);
        }
        self.outage.changes(self.routing.unanswered(&self.traffic), self.now);
    }

    /// Whether a pod answers has changed.
    pub(super) fn reroute(&mut self) {
        self.route_by(Arc::clone(self.routing.assignment()));
    }

    /// The pod's counter goes by what it owns, and by where requests go now.
    pub(super) fn follow(&mut self, place: usize) {
        let pod = &mut self.pods[place];
        pod.counter.follow(&pod.ownership, &self.routing, place, &self.traffic);
    }

    fn tell_clients(&mut self, assignment: Arc<Assignment>) {
        let before = Arc::clone(self.routing.assignment());
        // A message that was overtaken brings nothing new.
        if assignment.generation() <= before.generation() {
            return;
        }
        let after = Arc::clone(&assignment);
        self.route_by(assignment);
        self.tell(Happening::Routed { before, after });
    }

    fn count_everywhere(&mut self) {
        for pod in self.pods.iter_mut().filter(|pod| pod.answers()) {
            pod.counter.count(&self.traffic, self.now);
        }
    }

    fn pod_alarm(&mut self, life: Life) {
        if !self.is_this_life(life) || !self.pods[life.place].is_alive() {
            return;
        }
        match self.pods[life.place].alarm.rings(self.now) {
            Ok(()) => self.note(life, SessionEvent::Woke),
            Err(Some(at)) => self.queue.put(at, Pending::PodAlarm(life)),
            Err(None) => {}
        }
    }

    fn assigner_alarm(&mut self) {
        match self.alarm.rings(self.now) {
            Ok(()) => self.step_assigner(TargetEvent::Woke),
            Err(Some(at)) => self.queue.put(at, Pending::AssignerAlarm),
            Err(None) => {}
        }
    }

    /// The newest generation that the assigner's members hold.
    pub(super) fn newest(&self) -> Generation {
        self.state().assignment.generation()
    }
}
