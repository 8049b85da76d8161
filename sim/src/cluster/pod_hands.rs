//! The hands of a pod's session: what it wants is done here, over a network with delays and cuts.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assignment::Generation;
use emberkeep_core::keyspace::Slice;
use emberkeep_core::slicelet::{Ownership, RangeCounts, SessionAction, SessionEvent};
use emberkeep_core::warmth::Warmth;

use super::cluster::Cluster;
use super::event::{FromPod, Life, Line, Message, Pending};
use super::news::Happening;
use super::pod::Process;

/// How long an assigner may take to welcome a pod, as the slicelet's link has it.
const WELCOME_TIMEOUT: Duration = Duration::from_secs(3);

impl Cluster {
    /// A message has come: it waits while the network is down or the process sleeps.
    pub(super) fn reach_pod(&mut self, life: Life, event: SessionEvent) {
        match self.is_this_life(life) && self.pods[life.place].is_cut_off {
            true => self.pods[life.place].held_in.push(event),
            false => self.note(life, event),
        }
    }

    /// Something is known in the pod itself: it waits while the process sleeps.
    pub(super) fn note(&mut self, life: Life, event: SessionEvent) {
        if !self.is_this_life(life) {
            return;
        }
        let pod = &mut self.pods[life.place];
        match pod.process {
            Process::Ended | Process::Lost => {}
            Process::Frozen => pod.held_in.push(event),
            Process::Running => self.step_pod(life, event),
        }
    }

    fn step_pod(&mut self, life: Life, event: SessionEvent) {
        let mut next = Some(event);
        while let Some(event) = next {
            let pod = &mut self.pods[life.place];
            let actions = pod.session.step(event, self.now);
            if let Some(at) = pod.alarm.set(pod.session.wake_at().max(self.now)) {
                self.queue.put(at, Pending::PodAlarm(life));
            }
            for action in actions {
                let outcome = self.perform_for(life, action);
                self.pods[life.place].session.on_performed(outcome);
            }
            if !self.pods[life.place].is_alive() {
                return;
            }
            next = self.pods[life.place].session.next_outcome();
        }
    }

    fn perform_for(&mut self, life: Life, action: SessionAction) -> Option<SessionEvent> {
        match action {
            SessionAction::Connect { connection, known, .. } => self.connect(life, connection, known),
            SessionAction::SendHeartbeat { phase, warming, .. } => {
                self.say(life, Message::Heartbeat { phase, warming })
            }
            SessionAction::SendLoadReport(report) => self.say(life, Message::LoadReport(report)),
            SessionAction::CollectCounts { halves_sketches } => {
                return Some(self.collect_counts(life.place, halves_sketches));
            }
            // There is no store here, nor values, metrics or peers.
            SessionAction::LimitStoreRate(_)
            | SessionAction::StopPeerWatches
            | SessionAction::HandleMisroutes(_)
            | SessionAction::CoolValues
            | SessionAction::ShowLoad { .. } => {}
            SessionAction::Pull { slice, .. } => self.pull(life, slice),
            // What comes of it is not wanted any more, and does no harm.
            SessionAction::StopPull { .. } => {}
            SessionAction::Publish { ownership, .. } => return Some(self.publish_in(life.place, ownership)),
            SessionAction::Drained { is_forced } => {
                let pod = self.pods[life.place].pod.name.clone();
                self.tell(Happening::Exited { pod, is_forced });
                self.end_process(life.place);
            }
        }
        None
    }

    /// All of a slice's state comes at once: from its source, or from the store if that is gone.
    fn pull(&mut self, life: Life, slice: Slice) {
        let delay = self.settings.warm_delay;
        let takes = self.pods[life.place].network.between(delay.min, delay.max);
        let warmth = Warmth {
            heat_share_thousandths: Warmth::WHOLE,
            size: 0,
            is_complete: true,
        };
        let warmed = Pending::InPod(life, SessionEvent::Warmed { slice, warmth });
        self.queue.put(self.now + takes, warmed);
    }

    fn connect(&mut self, life: Life, connection: u64, known: Generation) {
        let is_first = self.pods[life.place].connection == 0;
        if !is_first {
            self.say(life, Message::Closed);
        }
        let pod = &mut self.pods[life.place];
        pod.connection = connection;
        // Nothing of the last connection will be delivered.
        pod.held_out.clear();
        match pod.is_cut_off {
            true => {
                let lost = Pending::InPod(life, SessionEvent::ConnectionLost { connection });
                self.queue.put(self.now + WELCOME_TIMEOUT, lost);
            }
            false => self.say(life, Message::Register { known }),
        }
    }

    /// Sends on the newest connection.
    pub(super) fn say(&mut self, life: Life, message: Message) {
        let (delay, now) = (self.settings.network_delay, self.now);
        let pod = &mut self.pods[life.place];
        let line = Line {
            life,
            connection: pod.connection,
        };
        let said = FromPod { line, message };
        if pod.is_cut_off {
            pod.held_out.push(said);
            return;
        }
        let delay = pod.network.between(delay.min, delay.max);
        pod.arrives_out = pod.arrives_out.max(now + delay);
        self.queue.put(pod.arrives_out, Pending::ToAssigner(said));
    }

    /// Sends to a pod, in order.
    pub(super) fn send_to_pod(&mut self, life: Life, event: SessionEvent) {
        let (delay, now) = (self.settings.network_delay, self.now);
        let pod = &mut self.pods[life.place];
        let delay = pod.network.between(delay.min, delay.max);
        pod.arrives_in = pod.arrives_in.max(now + delay);
        self.queue.put(pod.arrives_in, Pending::ToPod(life, event));
    }

    fn collect_counts(&mut self, place: usize, halves_sketches: bool) -> SessionEvent {
        SessionEvent::Counted {
            counts: self.take_counts(place),
            sketches: self.pods[place].counter.collect_sketches(halves_sketches),
            memory: None,
        }
    }

    fn take_counts(&mut self, place: usize) -> RangeCounts {
        let pod = &mut self.pods[place];
        if pod.answers() {
            pod.counter.count(&self.traffic, self.now);
        }
        RangeCounts {
            units: pod.counter.take(),
            taken_at: self.now,
        }
    }

    fn publish_in(&mut self, place: usize, ownership: Arc<Ownership>) -> SessionEvent {
        let counts = self.take_counts(place);
        self.pods[place].ownership = Arc::clone(&ownership);
        self.follow(place);
        let pod = self.pods[place].pod.name.clone();
        let assignment = Arc::clone(ownership.assignment());
        self.tell(Happening::Published { pod, assignment });
        SessionEvent::Published { counts }
    }
}
