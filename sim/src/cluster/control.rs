//! Control: what is done to a simulated cluster from outside.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assigner::{ChangeKind, TargetSettings};
use emberkeep_core::pod::{Incarnation, Pod, PodAddress, PodName, Weight};
use emberkeep_core::slicelet::SessionEvent;

use super::cluster::Cluster;
use super::event::{Life, Line, Message, Pending};
use super::pod::{Process, SimPod};
use super::settings::ClusterSettings;

/// A pod that is to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPod {
    /// Its name, which no other pod has.
    pub name: PodName,
    /// The failure domain it runs in; empty where there are none.
    pub zone: Arc<str>,
    /// How much it can carry against the others.
    pub weight: Weight,
}

/// What can happen to a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// SIGTERM: it drains, then its process ends.
    Drain,
    /// SIGKILL: its process ends at once, its host refuses connections.
    Kill,
    /// Its host is gone: nothing answers any more.
    Lose,
    /// It says that it stops, and ends at once without waiting for others to take over.
    Quit,
    /// SIGSTOP: its process stands still.
    Freeze,
    /// SIGCONT: it goes on.
    Thaw,
    /// The network to it is down.
    CutOff,
    /// The network to it is up again.
    Reconnect,
    /// A process starts under its name: at once where the old one still runs, which is killed.
    Start,
}

/// After this time of silence a connection is given up: keepalive interval and timeout of all channels.
const SILENCE_MAX: Duration = Duration::from_secs(7);

impl Cluster {
    /// Starts a pod; `false` if there is, or was, one of that name.
    pub fn add_pod(&mut self, new: NewPod) -> bool {
        let place = self.pods.len();
        if self.places.contains_key(&new.name) {
            return false;
        }
        self.places.insert(new.name.clone(), place);
        let pod = SimPod::new(place, pod_of(new), &self.settings, self.now);
        self.pods.push(pod);
        self.wake(place);
        true
    }

    /// Does something to a pod; `false` if there is no such pod, or it is not in a state to which that can happen.
    pub fn strike(&mut self, pod: &PodName, fault: Fault) -> bool {
        let Some(place) = self.places.get(pod).copied() else {
            return false;
        };
        let process = self.pods[place].process;
        match (fault, process) {
            (Fault::Drain, Process::Running) => self.note(self.life(place), SessionEvent::DrainRequested),
            (Fault::Kill, Process::Running | Process::Frozen) => self.end_process(place),
            (Fault::Lose, Process::Running | Process::Frozen) => self.lose(place),
            (Fault::Quit, Process::Running) => self.quit(place),
            (Fault::Freeze, Process::Running) => self.freeze(place),
            (Fault::Thaw, Process::Frozen) => self.thaw(place),
            (Fault::CutOff, _) if !self.pods[place].is_cut_off => self.cut_off(place),
            (Fault::Reconnect, _) if self.pods[place].is_cut_off => self.reconnect(place),
            (Fault::Start, _) => self.start(place),
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

    /// The leader is gone; after `election` another member leads. What was proposed may still take effect.
    pub fn change_leader(&mut self, election: Duration) {
        self.brain = None;
        self.term += 1;
        for line in self.desk.clear() {
            let connection = line.connection;
            self.send_to_pod(line.life, SessionEvent::ConnectionLost { connection });
        }
        let term = self.term;
        self.queue.put(self.now + election, Pending::Elected { term });
    }

    /// For so long, what is proposed is given up after a second; half of it takes effect all the same.
    pub fn fail_proposals(&mut self, lasts: Duration) {
        self.raft_fails_until = self.now + lasts;
    }

    /// An operator chooses other settings.
    pub fn configure(&mut self, settings: TargetSettings) {
        self.propose(None, ChangeKind::ConfigureTarget { settings });
    }

    /// An operator stops all changes of the assignment, or lets them go on.
    pub fn set_frozen(&mut self, is_frozen: bool) {
        self.propose(None, ChangeKind::Freeze { is_frozen });
    }

    /// What the cluster was made with.
    #[must_use]
    pub const fn settings(&self) -> &ClusterSettings {
        &self.settings
    }

    /// The process ends, and the kernel of its host closes its connections.
    pub(super) fn end_process(&mut self, place: usize) {
        let life = self.life(place);
        if self.pods[place].connection > 0 {
            self.say(life, Message::Closed);
        }
        self.pods[place].process = Process::Ended;
        self.reroute();
    }

    fn lose(&mut self, place: usize) {
        self.pods[place].process = Process::Lost;
        self.falls_silent(place);
        self.reroute();
    }

    fn quit(&mut self, place: usize) {
        self.note(self.life(place), SessionEvent::DrainRequested);
        self.end_process(place);
    }

    fn freeze(&mut self, place: usize) {
        self.pods[place].process = Process::Frozen;
        self.falls_silent(place);
        self.reroute();
    }

    fn thaw(&mut self, place: usize) {
        let life = self.life(place);
        let pod = &mut self.pods[place];
        pod.process = Process::Running;
        pod.silence += 1;
        let held = std::mem::take(&mut pod.held_in);
        self.reroute();
        held.into_iter().for_each(|event| self.note(life, event));
        self.note(life, SessionEvent::Woke);
        self.stays_silent(place);
    }

    fn cut_off(&mut self, place: usize) {
        self.pods[place].is_cut_off = true;
        self.falls_silent(place);
        self.reroute();
    }

    /// What was sent meanwhile is delivered, if its connection was not given up.
    fn reconnect(&mut self, place: usize) {
        let life = self.life(place);
        let pod = &mut self.pods[place];
        pod.is_cut_off = false;
        pod.silence += 1;
        let (held_in, held_out) = (std::mem::take(&mut pod.held_in), std::mem::take(&mut pod.held_out));
        self.reroute();
        held_in.into_iter().for_each(|event| self.send_to_pod(life, event));
        for said in held_out {
            self.queue.put(self.now, Pending::ToAssigner(said));
        }
        self.stays_silent(place);
    }

    fn start(&mut self, place: usize) {
        if self.pods[place].is_alive() {
            self.end_process(place);
        }
        self.pods[place].begin_next_life(&self.settings, self.now);
        self.reroute();
        self.wake(place);
    }

    fn wake(&mut self, place: usize) {
        let life = self.life(place);
        self.queue.put(self.now, Pending::InPod(life, SessionEvent::Woke));
    }

    /// Nothing is heard of the pod from now on; after a while its connections are given up.
    fn falls_silent(&mut self, place: usize) {
        self.pods[place].silence += 1;
        let (life, silence) = (self.life(place), self.pods[place].silence);
        let ends = Pending::SilenceEnds { life, silence };
        self.queue.put(self.now + SILENCE_MAX, ends);
    }

    /// One reason why nothing was heard is gone; there may be another one.
    fn stays_silent(&mut self, place: usize) {
        if !self.pods[place].answers() {
            self.falls_silent(place);
        }
    }

    pub(super) fn silence_ends(&mut self, life: Life, silence: u64) {
        let pod = &mut self.pods[life.place];
        if pod.silence != silence || pod.pod.incarnation != life.incarnation {
            return;
        }
        let connection = pod.connection;
        pod.held_out.clear();
        self.note(life, SessionEvent::ConnectionLost { connection });
        let line = Line { life, connection };
        if let Some(session) = self.desk.session_on(line) {
            self.desk.close(session);
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
