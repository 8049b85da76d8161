//! The hands of a pod's session, over a network with delays and cuts.

use std::sync::Arc;

use emberkeep_core::assignment::Generation;
use emberkeep_core::keyspace::Slice;
use emberkeep_core::slicelet::{Ownership, RangeCounts, SessionAction, SessionEvent, WELCOME_TIMEOUT};
use emberkeep_core::warmth::Warmth;

use super::cluster::SimCluster;
use super::cluster_event::ClusterEvent;
use super::event::{FromPod, Pending, PodConnection, PodMessage, SimIncarnation};
use super::pod::ProcessState;

impl SimCluster {
    /// A message reaches the pod; it is queued while the network is down or the process is frozen.
    pub(super) fn receive_in_pod(&mut self, incarnation: SimIncarnation, event: SessionEvent) {
        match self.is_current(incarnation) && self.pods[incarnation.index].is_cut_off {
            true => self.pods[incarnation.index].queued_in.push(event),
            false => self.deliver(incarnation, event),
        }
    }

    /// Delivers an event to the process; it is queued while the process is frozen.
    pub(super) fn deliver(&mut self, incarnation: SimIncarnation, event: SessionEvent) {
        if !self.is_current(incarnation) {
            return;
        }
        let pod = &mut self.pods[incarnation.index];
        match pod.process {
            ProcessState::Ended | ProcessState::Lost => {}
            ProcessState::Frozen => pod.queued_in.push(event),
            ProcessState::Running => self.step_pod(incarnation, event),
        }
    }

    fn step_pod(&mut self, incarnation: SimIncarnation, event: SessionEvent) {
        let mut next = Some(event);
        while let Some(event) = next {
            let pod = &mut self.pods[incarnation.index];
            let actions = pod.session.step(event, self.now);
            if let Some(at) = pod.wake_up.set(pod.session.wake_at().max(self.now)) {
                self.queue.put(at, Pending::WakePod(incarnation));
            }
            for action in actions {
                let outcome = self.perform_for_pod(incarnation, action);
                self.pods[incarnation.index].session.on_performed(outcome);
            }
            if !self.pods[incarnation.index].is_alive() {
                return;
            }
            next = self.pods[incarnation.index].session.next_outcome();
        }
    }

    fn perform_for_pod(&mut self, incarnation: SimIncarnation, action: SessionAction) -> Option<SessionEvent> {
        match action {
            SessionAction::Connect { connection, known, .. } => self.connect(incarnation, connection, known),
            SessionAction::SendHeartbeat { phase, warming, .. } => {
                self.send_to_assigner(incarnation, PodMessage::Heartbeat { phase, warming })
            }
            SessionAction::SendLoadReport(report) => self.send_to_assigner(incarnation, PodMessage::LoadReport(report)),
            SessionAction::CollectCounts { halves_sketches } => {
                return Some(self.collect_counts(incarnation.index, halves_sketches));
            }
            // There is no store here, nor values, metrics or peers.
            SessionAction::LimitStoreRate(_)
            | SessionAction::StopPeerWatches
            | SessionAction::HandleMisroutes(_)
            | SessionAction::CoolValues
            | SessionAction::ShowLoad { .. } => {}
            SessionAction::Pull { slice, .. } => self.pull(incarnation, slice),
            // The pending `Warmed` event of the pull has no effect.
            SessionAction::StopPull { .. } => {}
            SessionAction::Publish { ownership, .. } => return Some(self.publish_in_pod(incarnation.index, ownership)),
            SessionAction::Drained { is_forced } => {
                let pod = self.pods[incarnation.index].pod.name.clone();
                self.record_event(ClusterEvent::Exited { pod, is_forced });
                self.end_process(incarnation.index);
            }
        }
        None
    }

    /// Warms a slice: all of its state arrives at once.
    fn pull(&mut self, incarnation: SimIncarnation, slice: Slice) {
        let delay = self.settings.warm_delay;
        let takes = self.pods[incarnation.index].network.between(delay.min, delay.max);
        let warmth = Warmth {
            heat_share_thousandths: Warmth::WHOLE,
            size: 0,
            is_complete: true,
        };
        let warmed = Pending::InPod(incarnation, SessionEvent::Warmed { slice, warmth });
        self.queue.put(self.now + takes, warmed);
    }

    fn connect(&mut self, incarnation: SimIncarnation, connection: u64, known: Generation) {
        let is_first = self.pods[incarnation.index].connection == 0;
        if !is_first {
            self.send_to_assigner(incarnation, PodMessage::Closed);
        }
        let pod = &mut self.pods[incarnation.index];
        pod.connection = connection;
        // Messages of the previous connection are lost.
        pod.queued_out.clear();
        match pod.is_cut_off {
            true => {
                let lost = Pending::InPod(incarnation, SessionEvent::ConnectionLost { connection });
                self.queue.put(self.now + WELCOME_TIMEOUT, lost);
            }
            false => self.send_to_assigner(incarnation, PodMessage::Register { known }),
        }
    }

    /// Sends a message on the newest connection.
    pub(super) fn send_to_assigner(&mut self, incarnation: SimIncarnation, message: PodMessage) {
        let (delay, now) = (self.settings.network_delay, self.now);
        let pod = &mut self.pods[incarnation.index];
        let connection = PodConnection {
            incarnation,
            number: pod.connection,
        };
        let sent = FromPod { connection, message };
        if pod.is_cut_off {
            pod.queued_out.push(sent);
            return;
        }
        let delay = pod.network.between(delay.min, delay.max);
        pod.arrives_out = pod.arrives_out.max(now + delay);
        self.queue.put(pod.arrives_out, Pending::ToAssigner(sent));
    }

    /// Sends an event to a pod; events arrive in order.
    pub(super) fn send_to_pod(&mut self, incarnation: SimIncarnation, event: SessionEvent) {
        let (delay, now) = (self.settings.network_delay, self.now);
        let pod = &mut self.pods[incarnation.index];
        let delay = pod.network.between(delay.min, delay.max);
        pod.arrives_in = pod.arrives_in.max(now + delay);
        self.queue.put(pod.arrives_in, Pending::ToPod(incarnation, event));
    }

    fn collect_counts(&mut self, index: usize, halves_sketches: bool) -> SessionEvent {
        SessionEvent::Counted {
            counts: self.take_counts(index),
            sketches: self.pods[index].counter.collect_sketches(halves_sketches),
            memory: None,
        }
    }

    fn take_counts(&mut self, index: usize) -> RangeCounts {
        let pod = &mut self.pods[index];
        if pod.answers() {
            pod.counter.count(&self.traffic, self.now);
        }
        RangeCounts {
            units: pod.counter.take(),
            taken_at: self.now,
        }
    }

    fn publish_in_pod(&mut self, index: usize, ownership: Arc<Ownership>) -> SessionEvent {
        let counts = self.take_counts(index);
        self.pods[index].ownership = Arc::clone(&ownership);
        self.follow(index);
        let pod = self.pods[index].pod.name.clone();
        let assignment = Arc::clone(ownership.assignment());
        self.record_event(ClusterEvent::Published { pod, assignment });
        SessionEvent::Published { counts }
    }
}
