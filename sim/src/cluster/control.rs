//! The control of a simulated cluster: pods, faults, leaders, settings.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assigner::{ChangeKind, TargetSettings};
use emberkeep_core::pod::{Incarnation, Pod, PodAddress, PodName, Weight};
use emberkeep_core::slicelet::SessionEvent;

use super::cluster::SimCluster;
use super::event::{Pending, PodConnection, PodMessage, SimIncarnation};
use super::pod::{ProcessState, SimPod};
use super::settings::SimClusterSettings;

/// A pod to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPod {
    /// A name that no other pod has or had.
    pub name: PodName,
    /// The failure domain it runs in; empty where there are none.
    pub zone: Arc<str>,
    /// Its capacity relative to other pods.
    pub weight: Weight,
}

/// A disturbance of one pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// SIGTERM: the pod drains, then its process ends.
    Drain,
    /// SIGKILL: the process ends at once, and its host refuses connections.
    Kill,
    /// The host fails: nothing answers any more.
    Lose,
    /// The pod announces a drain and ends at once, without waiting for other pods to take over.
    Quit,
    /// SIGSTOP: the process is frozen.
    Freeze,
    /// SIGCONT: a frozen process continues.
    Thaw,
    /// The network to the pod fails.
    CutOff,
    /// The network to the pod is repaired.
    Reconnect,
    /// A process of the same name starts; one that still runs is killed before.
    Start,
}

/// After this time without an answer a connection is closed: keepalive interval plus timeout of all channels.
const SILENCE_MAX: Duration = Duration::from_secs(7);

impl SimCluster {
    /// Adds a pod; `false` if there is or was one of that name.
    pub fn add_pod(&mut self, new: NewPod) -> bool {
        let index = self.pods.len();
        if self.indices.contains_key(&new.name) {
            return false;
        }
        self.indices.insert(new.name.clone(), index);
        let pod = SimPod::new(index, pod_of(new), &self.settings, self.now);
        self.pods.push(pod);
        self.schedule_start(index);
        true
    }

    /// Injects a fault; `false` if there is no such pod, or the fault does not apply to its state.
    pub fn inject(&mut self, pod: &PodName, fault: Fault) -> bool {
        let Some(index) = self.indices.get(pod).copied() else {
            return false;
        };
        let process = self.pods[index].process;
        match (fault, process) {
            // ## Running -> Running: it drains, and its process ends once its session permits that
            (Fault::Drain, ProcessState::Running) => {
                self.deliver(self.incarnation_at(index), SessionEvent::DrainRequested)
            }
            // ## Running, Frozen -> Ended: SIGKILL
            (Fault::Kill, ProcessState::Running | ProcessState::Frozen) => self.end_process(index),
            // ## Running, Frozen -> Lost: the host fails
            (Fault::Lose, ProcessState::Running | ProcessState::Frozen) => self.lose(index),
            // ## Running -> Ended: it announces a drain and does not wait for it
            (Fault::Quit, ProcessState::Running) => self.quit(index),
            // ## Running -> Frozen: SIGSTOP
            (Fault::Freeze, ProcessState::Running) => self.freeze(index),
            // ## Frozen -> Running: SIGCONT
            (Fault::Thaw, ProcessState::Frozen) => self.thaw(index),
            // The network fails and is repaired in any state of the process.
            (Fault::CutOff, _) if !self.pods[index].is_cut_off => self.cut_off(index),
            (Fault::Reconnect, _) if self.pods[index].is_cut_off => self.reconnect(index),
            // ## any -> Running: the next incarnation starts
            (Fault::Start, _) => self.start(index),
            (
                Fault::Drain
                | Fault::Kill
                | Fault::Lose
                | Fault::Quit
                | Fault::Freeze
                | Fault::Thaw
                | Fault::CutOff
                | Fault::Reconnect,
                _,
            ) => return false,
        }
        true
    }

    /// The leader fails; after `election` another member leads. Proposals under way may still take effect.
    pub fn change_leader(&mut self, election: Duration) {
        self.brain = None;
        self.term += 1;
        for PodConnection { incarnation, number } in self.sessions.clear() {
            self.send_to_pod(incarnation, SessionEvent::ConnectionLost { connection: number });
        }
        let term = self.term;
        self.queue.put(self.now + election, Pending::Elected { term });
    }

    /// Proposals time out for that long; half of them take effect all the same.
    pub fn fail_proposals(&mut self, lasts: Duration) {
        self.raft_fails_until = self.now + lasts;
    }

    /// Proposes other target settings, as an operator does.
    pub fn configure(&mut self, settings: TargetSettings) {
        self.propose(None, ChangeKind::ConfigureTarget { settings });
    }

    /// Freezes or unfreezes the assignment, as an operator does.
    pub fn set_frozen(&mut self, is_frozen: bool) {
        self.propose(None, ChangeKind::Freeze { is_frozen });
    }

    /// The settings that the cluster was made with.
    #[must_use]
    pub const fn settings(&self) -> &SimClusterSettings {
        &self.settings
    }

    /// Ends the process; the kernel of its host closes its connections.
    pub(super) fn end_process(&mut self, index: usize) {
        let incarnation = self.incarnation_at(index);
        if self.pods[index].connection > 0 {
            self.send_to_assigner(incarnation, PodMessage::Closed);
        }
        self.pods[index].process = ProcessState::Ended;
        self.reroute();
    }

    fn lose(&mut self, index: usize) {
        self.pods[index].process = ProcessState::Lost;
        self.start_silence(index);
        self.reroute();
    }

    fn quit(&mut self, index: usize) {
        self.deliver(self.incarnation_at(index), SessionEvent::DrainRequested);
        self.end_process(index);
    }

    fn freeze(&mut self, index: usize) {
        self.pods[index].process = ProcessState::Frozen;
        self.start_silence(index);
        self.reroute();
    }

    fn thaw(&mut self, index: usize) {
        let incarnation = self.incarnation_at(index);
        let pod = &mut self.pods[index];
        pod.process = ProcessState::Running;
        pod.silence += 1;
        let held = std::mem::take(&mut pod.queued_in);
        self.reroute();
        held.into_iter().for_each(|event| self.deliver(incarnation, event));
        self.deliver(incarnation, SessionEvent::Woke);
        self.restart_silence_if_unreachable(index);
    }

    fn cut_off(&mut self, index: usize) {
        self.pods[index].is_cut_off = true;
        self.start_silence(index);
        self.reroute();
    }

    /// Delivers the messages sent meanwhile, if their connection was not closed.
    fn reconnect(&mut self, index: usize) {
        let incarnation = self.incarnation_at(index);
        let pod = &mut self.pods[index];
        pod.is_cut_off = false;
        pod.silence += 1;
        let (queued_in, queued_out) = (std::mem::take(&mut pod.queued_in), std::mem::take(&mut pod.queued_out));
        self.reroute();
        queued_in
            .into_iter()
            .for_each(|event| self.send_to_pod(incarnation, event));
        for sent in queued_out {
            self.queue.put(self.now, Pending::ToAssigner(sent));
        }
        self.restart_silence_if_unreachable(index);
    }

    fn start(&mut self, index: usize) {
        if self.pods[index].is_alive() {
            self.end_process(index);
        }
        self.pods[index].restart(&self.settings, self.now);
        self.reroute();
        self.schedule_start(index);
    }

    fn schedule_start(&mut self, index: usize) {
        let incarnation = self.incarnation_at(index);
        self.queue
            .put(self.now, Pending::InPod(incarnation, SessionEvent::Woke));
    }

    /// The pod is unreachable from now on; after the keepalive timeout its connections are closed.
    fn start_silence(&mut self, index: usize) {
        self.pods[index].silence += 1;
        let (incarnation, silence) = (self.incarnation_at(index), self.pods[index].silence);
        let ends = Pending::SilenceOver { incarnation, silence };
        self.queue.put(self.now + SILENCE_MAX, ends);
    }

    /// The pod may still be unreachable for another reason.
    fn restart_silence_if_unreachable(&mut self, index: usize) {
        if !self.pods[index].answers() {
            self.start_silence(index);
        }
    }

    pub(super) fn on_silence_over(&mut self, incarnation: SimIncarnation, silence: u64) {
        let pod = &mut self.pods[incarnation.index];
        if pod.silence != silence || pod.pod.incarnation != incarnation.number {
            return;
        }
        let number = pod.connection;
        pod.queued_out.clear();
        self.deliver(incarnation, SessionEvent::ConnectionLost { connection: number });
        let connection = PodConnection { incarnation, number };
        if let Some(session) = self.sessions.session_on(connection) {
            self.sessions.close(session);
            let term = self.term;
            self.queue.put(self.now, Pending::SessionEnded { term, session });
        }
    }
}

fn pod_of(new: NewPod) -> Pod {
    Pod {
        address: PodAddress::try_new(&format!(
            "{}:80",
            &new.name.as_str()[..new.name.as_str().len().min(200)]
        ))
        .expect("a pod's name is a host's name"),
        name: new.name,
        incarnation: Incarnation(1),
        zone: new.zone,
        weight: new.weight,
        memory_capacity: None,
    }
}
