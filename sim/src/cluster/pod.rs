//! A simulated pod: its process, and the brain of its session.

use std::sync::Arc;

use emberkeep_core::brain::Stepper;
use emberkeep_core::pod::{Incarnation, Pod};
use emberkeep_core::slicelet::{Ownership, Reconnect, Session, SessionEvent};
use emberkeep_core::time::Timestamp;

use super::settings::SimClusterSettings;
use super::traffic_counter::TrafficCounter;
use super::wake_up_timer::WakeUpTimer;
use crate::random_stream::RandomStream;

/// The state of a pod's process.
///
/// ```text
/// Running         --SIGSTOP------------------------> Frozen
/// Frozen          --SIGCONT------------------------> Running
/// Running         --drained, or quits--------------> Ended
/// Running, Frozen --SIGKILL------------------------> Ended
/// Running, Frozen --the host fails-----------------> Lost
/// any             --the next incarnation starts----> Running
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessState {
    /// The process runs, and answers unless the network is cut.
    Running,
    /// The process is stopped by a signal or starved: its connections stay open, and it does not answer.
    Frozen,
    /// The process has ended and its host runs: connections are refused.
    Ended,
    /// The host has failed with it: nothing answers, and no connection is closed.
    Lost,
}

/// One pod, with all incarnations of its name.
#[derive(Debug)]
pub(super) struct SimPod {
    pub(super) pod: Pod,
    pub(super) process: ProcessState,
    /// Whether the network to and from the pod is down.
    pub(super) is_cut_off: bool,
    pub(super) session: Stepper<Session>,
    pub(super) ownership: Arc<Ownership>,
    pub(super) counter: TrafficCounter,
    pub(super) wake_up: WakeUpTimer,
    /// The number of its newest connection; 0 before the first one.
    pub(super) connection: u64,
    /// The events for it while it is frozen or cut off, in order.
    pub(super) queued_in: Vec<SessionEvent>,
    /// The messages it sent while it is cut off.
    pub(super) queued_out: Vec<super::event::FromPod>,
    /// The number of times that it became unreachable, so that the timeout of one time does not end another.
    pub(super) silence: u64,
    /// The arrival time of the last message to the pod: messages do not overtake each other.
    pub(super) arrives_in: Timestamp,
    /// The arrival time of the last message from the pod.
    pub(super) arrives_out: Timestamp,
    pub(super) network: RandomStream,
}

/// Random streams of each pod: its network, and its counts.
const STREAMS_A_POD: u64 = 2;

impl SimPod {
    /// The pod at that index, with its first incarnation.
    pub(super) fn new(index: usize, mut pod: Pod, settings: &SimClusterSettings, now: Timestamp) -> Self {
        pod.incarnation = Incarnation(1);
        let stream = |number| RandomStream::new(settings.seed, STREAMS_A_POD * (index as u64 + 1) + number);
        Self {
            session: session_of(&pod, stream(0).next(), now),
            pod,
            process: ProcessState::Running,
            is_cut_off: false,
            ownership: Arc::new(Ownership::none()),
            counter: TrafficCounter::new(stream(1), settings.counts, now),
            wake_up: WakeUpTimer::off(),
            connection: 0,
            queued_in: Vec::new(),
            queued_out: Vec::new(),
            silence: 0,
            arrives_in: now,
            arrives_out: now,
            network: stream(0),
        }
    }

    /// Starts a process of the same name without any state.
    pub(super) fn restart(&mut self, settings: &SimClusterSettings, now: Timestamp) {
        self.pod.incarnation = Incarnation(self.pod.incarnation.0 + 1);
        self.process = ProcessState::Running;
        self.session = session_of(&self.pod, self.network.next(), now);
        self.ownership = Arc::new(Ownership::none());
        self.counter = TrafficCounter::new(RandomStream::new(self.network.next(), 0), settings.counts, now);
        self.wake_up = WakeUpTimer::off();
        self.connection = 0;
        self.queued_in.clear();
        self.queued_out.clear();
        self.silence += 1;
    }

    /// Whether requests and probes are answered.
    pub(super) fn answers(&self) -> bool {
        self.process == ProcessState::Running && !self.is_cut_off
    }

    /// Whether the process keeps its state, running or frozen.
    pub(super) const fn is_alive(&self) -> bool {
        matches!(self.process, ProcessState::Running | ProcessState::Frozen)
    }
}

fn session_of(pod: &Pod, seed: u64, now: Timestamp) -> Stepper<Session> {
    let reconnect = Reconnect::new(vec!["http://assigner".into()], seed);
    Stepper::new(Session::new(pod, reconnect, now))
}
