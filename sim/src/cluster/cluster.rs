//! The simulated cluster: its state, and the loop through virtual time.

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

use super::cluster_event::{ClusterEvent, TimedEvent};
use super::event::{Pending, SimIncarnation};
use super::event_queue::EventQueue;
use super::outage::Outage;
use super::pod::{ProcessState, SimPod};
use super::routing::ClientRouting;
use super::session_table::SessionTable;
use super::settings::{Delay, SimClusterSettings};
use super::traffic::Traffic;
use super::wake_up_timer::WakeUpTimer;
use crate::random_stream::RandomStream;

/// A simulated cluster of one target: an assigner, pods, clients. Time passes only in [`SimCluster::run_until`].
#[derive(Debug)]
pub struct SimCluster {
    pub(super) settings: SimClusterSettings,
    pub(super) now: Timestamp,
    pub(super) queue: EventQueue<Pending>,
    pub(super) target: TargetName,
    /// The state that Raft replicates; it outlives every leader.
    pub(super) replicated: ClusterState,
    /// The leader's brain; `None` without a leader.
    pub(super) brain: Option<Stepper<TargetBrain>>,
    pub(super) term: u64,
    pub(super) wake_up: WakeUpTimer,
    pub(super) sessions: SessionTable,
    pub(super) pods: Vec<SimPod>,
    pub(super) indices: BTreeMap<PodName, usize>,
    pub(super) traffic: Traffic,
    pub(super) routing: ClientRouting,
    reroute_count: u64,
    pub(super) outage: Outage,
    /// Until when proposals fail.
    pub(super) raft_fails_until: Timestamp,
    /// When the newest log entry is applied.
    pub(super) logged_until: Timestamp,
    /// The newest generation that was sent to pods and clients.
    pub(super) published: Generation,
    /// The random stream of everything but the pods.
    pub(super) random: RandomStream,
    pub(super) events: Vec<TimedEvent>,
}

/// The state of a pod, for observers.
#[derive(Debug)]
pub struct PodView<'a> {
    /// The pod, with its newest incarnation.
    pub pod: &'a Pod,
    /// The state of its process.
    pub process: ProcessState,
    /// Whether the network to it is down.
    pub is_cut_off: bool,
    /// The ownership that it has published.
    pub ownership: &'a Arc<Ownership>,
    /// The true load that reaches it.
    pub load: Load,
}

impl SimCluster {
    /// A cluster without pods and load, with a leader that was just elected.
    #[must_use]
    pub fn new(settings: SimClusterSettings) -> Self {
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
            random: RandomStream::new(settings.seed, 0),
            settings,
            now: Timestamp::ZERO,
            queue: EventQueue::new(),
            target,
            replicated,
            brain: None,
            term: 0,
            wake_up: WakeUpTimer::off(),
            sessions: SessionTable::default(),
            pods: Vec::new(),
            indices: BTreeMap::new(),
            traffic: Traffic::default(),
            routing: ClientRouting::unknown(),
            reroute_count: 0,
            outage: Outage::default(),
            raft_fails_until: Timestamp::ZERO,
            logged_until: Timestamp::ZERO,
            published: Generation::NONE,
            events: Vec::new(),
        };
        cluster.elect(0);
        cluster
    }

    /// Executes all events up to `end`.
    pub fn run_until(&mut self, end: Timestamp) {
        while self.run_to_change(end) {}
    }

    /// Executes events up to `end`, or up to the first one that changes the routing; returns whether there was one.
    pub fn run_to_change(&mut self, end: Timestamp) -> bool {
        let reroute_count = self.reroute_count;
        while let Some((at, pending)) = self.queue.take_until(end) {
            debug_assert!(at >= self.now, "time does not go back");
            self.now = at;
            self.execute(pending);
            if self.reroute_count > reroute_count {
                return true;
            }
        }
        self.now = self.now.max(end);
        self.outage.record(self.outage.unanswered, self.now);
        false
    }

    /// The current virtual time of the cluster.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The replicated state of the target.
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

    /// The routing of all clients.
    #[must_use]
    pub const fn routing(&self) -> &ClientRouting {
        &self.routing
    }

    /// The load that was not answered so far.
    #[must_use]
    pub const fn outage(&self) -> &Outage {
        &self.outage
    }

    /// All pods that were ever added, in the order in which they were.
    pub fn pods(&self) -> impl Iterator<Item = PodView<'_>> {
        self.pods.iter().enumerate().map(|(index, pod)| PodView {
            pod: &pod.pod,
            process: pod.process,
            is_cut_off: pod.is_cut_off,
            ownership: &pod.ownership,
            load: self.routing.load_of(index, &self.traffic),
        })
    }

    /// Takes the events since the last call.
    pub fn take_events(&mut self) -> Vec<TimedEvent> {
        std::mem::take(&mut self.events)
    }

    /// Changes the rates of some keys, by the positions of their slice keys.
    pub fn set_loads(&mut self, rates: impl IntoIterator<Item = (u64, Load)>) {
        self.count_in_all_pods();
        self.traffic.set(rates);
        self.route_by(Arc::clone(self.routing.assignment()));
    }

    pub(super) fn execute(&mut self, pending: Pending) {
        match pending {
            Pending::WakeAssigner => self.wake_assigner(),
            Pending::WakePod(incarnation) => self.wake_pod(incarnation),
            Pending::ToAssigner(sent) => self.receive_from_pod(sent),
            Pending::ToPod(incarnation, event) => self.receive_in_pod(incarnation, event),
            Pending::InPod(incarnation, event) => self.deliver(incarnation, event),
            Pending::SessionEnded { term, session } if term == self.term => {
                self.step_assigner(TargetEvent::SessionClosed { session });
            }
            Pending::Replicated { term, change } => self.replicate(term, change),
            Pending::ProposalFailed { term } if term == self.term => self.on_proposal_failed(),
            Pending::Probed { term, pod, outcome } if term == self.term => self.step_assigner(TargetEvent::Probed {
                pod: pod.name,
                incarnation: pod.incarnation,
                outcome,
            }),
            Pending::LeadershipChecked { term, leads } if term == self.term => {
                self.step_assigner(TargetEvent::LeadershipChecked { leads });
            }
            Pending::ToClients(assignment) => self.update_clients(assignment),
            Pending::SilenceOver { incarnation, silence } => self.on_silence_over(incarnation, silence),
            Pending::Elected { term } => self.elect(term),
            // Answers to an earlier leader are lost.
            Pending::Probed { .. }
            | Pending::SessionEnded { .. }
            | Pending::ProposalFailed { .. }
            | Pending::LeadershipChecked { .. } => {}
        }
    }

    pub(super) fn record_event(&mut self, what: ClusterEvent) {
        self.events.push(TimedEvent { at: self.now, what });
    }

    pub(super) fn incarnation_at(&self, index: usize) -> SimIncarnation {
        SimIncarnation {
            index,
            number: self.pods[index].pod.incarnation,
        }
    }

    pub(super) fn is_current(&self, incarnation: SimIncarnation) -> bool {
        self.incarnation_at(incarnation.index) == incarnation
    }

    /// Draws a delay in which no pod has a part.
    pub(super) fn draw_delay(&mut self, delay: Delay) -> std::time::Duration {
        self.random.between(delay.min, delay.max)
    }

    /// Routes requests by that assignment, to the pods that answer now.
    pub(super) fn route_by(&mut self, assignment: Arc<Assignment>) {
        self.count_in_all_pods();
        let index_of = |pod: &Pod| {
            let index = *self.indices.get(&pod.name)?;
            let is_current = self.pods[index].pod.incarnation == pod.incarnation && self.pods[index].answers();
            is_current.then_some(index)
        };
        self.reroute_count += 1;
        self.routing = ClientRouting::new(assignment, &self.traffic, self.pods.len(), index_of);
        for index in 0..self.pods.len() {
            self.follow(index);
        }
        self.outage.record(self.routing.unanswered(&self.traffic), self.now);
    }

    /// A pod has become reachable or unreachable.
    pub(super) fn reroute(&mut self) {
        self.route_by(Arc::clone(self.routing.assignment()));
    }

    /// The pod's counter follows its ownership and the routing.
    pub(super) fn follow(&mut self, index: usize) {
        let pod = &mut self.pods[index];
        pod.counter.follow(&pod.ownership, &self.routing, index, &self.traffic);
    }

    fn update_clients(&mut self, assignment: Arc<Assignment>) {
        let before = Arc::clone(self.routing.assignment());
        // A message that was overtaken is older than the assignment held.
        if assignment.generation() <= before.generation() {
            return;
        }
        let after = Arc::clone(&assignment);
        self.route_by(assignment);
        self.record_event(ClusterEvent::Routed { before, after });
    }

    fn count_in_all_pods(&mut self) {
        for pod in self.pods.iter_mut().filter(|pod| pod.answers()) {
            pod.counter.count(&self.traffic, self.now);
        }
    }

    fn wake_pod(&mut self, incarnation: SimIncarnation) {
        if !self.is_current(incarnation) || !self.pods[incarnation.index].is_alive() {
            return;
        }
        match self.pods[incarnation.index].wake_up.fire(self.now) {
            Ok(()) => self.deliver(incarnation, SessionEvent::Woke),
            Err(Some(at)) => self.queue.put(at, Pending::WakePod(incarnation)),
            Err(None) => {}
        }
    }

    fn wake_assigner(&mut self) {
        match self.wake_up.fire(self.now) {
            Ok(()) => self.step_assigner(TargetEvent::Woke),
            Err(Some(at)) => self.queue.put(at, Pending::WakeAssigner),
            Err(None) => {}
        }
    }

    /// The newest replicated generation.
    pub(super) fn newest(&self) -> Generation {
        self.state().assignment.generation()
    }
}
