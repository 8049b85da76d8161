//! A pod: its process, and the brain of its session.

use std::sync::Arc;

use emberkeep_core::brain::Stepper;
use emberkeep_core::pod::{Incarnation, Pod};
use emberkeep_core::slicelet::{Ownership, Reconnect, Session, SessionEvent};
use emberkeep_core::time::Timestamp;

use super::alarm::Alarm;
use super::counter::Counter;
use super::settings::ClusterSettings;
use crate::random_stream::RandomStream;

/// What a process is up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// It runs.
    Running,
    /// It is stopped by a signal, or starved; its connections stay open and nothing answers.
    Frozen,
    /// It has ended, its host runs: connections are refused.
    Ended,
    /// It has ended with its host: nothing answers, and nobody is told.
    Lost,
}

/// One pod, through all lives of its name.
#[derive(Debug)]
pub(super) struct SimPod {
    pub(super) pod: Pod,
    pub(super) process: Process,
    /// Whether the network to and from it is down.
    pub(super) is_cut_off: bool,
    pub(super) session: Stepper<Session>,
    pub(super) ownership: Arc<Ownership>,
    pub(super) counter: Counter,
    pub(super) alarm: Alarm,
    /// The number of its newest connection; 0 before the first one.
    pub(super) connection: u64,
    /// What came for it while it was frozen or cut off, in order, with its life.
    pub(super) held_in: Vec<SessionEvent>,
    /// What it sent while it was cut off.
    pub(super) held_out: Vec<super::event::FromPod>,
    /// Counts how often it fell silent, so that a timer of the last time does not end this one.
    pub(super) silence: u64,
    /// When the last message on its way to the pod will arrive: messages do not overtake each other.
    pub(super) arrives_in: Timestamp,
    /// The same on the way from the pod.
    pub(super) arrives_out: Timestamp,
    pub(super) network: RandomStream,
}

/// Streams of chance for each pod: its network, and what it counts.
const STREAMS_A_POD: u64 = 2;

impl SimPod {
    /// The pod at that place, in its first life.
    pub(super) fn new(place: usize, mut pod: Pod, settings: &ClusterSettings, now: Timestamp) -> Self {
        pod.incarnation = Incarnation(1);
        let stream = |number| RandomStream::new(settings.seed, STREAMS_A_POD * (place as u64 + 1) + number);
        Self {
            session: session_of(&pod, stream(0).next(), now),
            pod,
            process: Process::Running,
            is_cut_off: false,
            ownership: Arc::new(Ownership::none()),
            counter: Counter::new(stream(1), settings.counts, now),
            alarm: Alarm::off(),
            connection: 0,
            held_in: Vec::new(),
            held_out: Vec::new(),
            silence: 0,
            arrives_in: now,
            arrives_out: now,
            network: stream(0),
        }
    }

    /// Another process of the same name begins, and knows nothing.
    pub(super) fn begin_next_life(&mut self, settings: &ClusterSettings, now: Timestamp) {
        self.pod.incarnation = Incarnation(self.pod.incarnation.0 + 1);
        self.process = Process::Running;
        self.session = session_of(&self.pod, self.network.next(), now);
        self.ownership = Arc::new(Ownership::none());
        self.counter = Counter::new(RandomStream::new(self.network.next(), 0), settings.counts, now);
        self.alarm = Alarm::off();
        self.connection = 0;
        self.held_in.clear();
        self.held_out.clear();
        self.silence += 1;
    }

    /// Whether it answers who calls it.
    pub(super) fn answers(&self) -> bool {
        self.process == Process::Running && !self.is_cut_off
    }

    /// Whether there is a process that keeps its state, if only asleep.
    pub(super) const fn is_alive(&self) -> bool {
        matches!(self.process, Process::Running | Process::Frozen)
    }
}

fn session_of(pod: &Pod, seed: u64, now: Timestamp) -> Stepper<Session> {
    let reconnect = Reconnect::new(vec!["http://assigner".into()], seed);
    Stepper::new(Session::new(pod, reconnect, now))
}
