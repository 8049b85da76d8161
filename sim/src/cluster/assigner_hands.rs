//! The hands of the leading brain: what it wants is done here, with the delays of a network and of Raft.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assigner::{
    Applied, Change, ChangeKind, PROBE_DEADLINE, ProbeOutcome, SessionId, TargetAction, TargetBrain, TargetEvent,
};
use emberkeep_core::assignment::{Generation, Update};
use emberkeep_core::brain::Stepper;
use emberkeep_core::pod::Pod;
use emberkeep_core::rate::Rate;
use emberkeep_core::session_settings::SessionSettings;
use emberkeep_core::slicelet::SessionEvent;

use super::alarm::Alarm;
use super::cluster::Cluster;
use super::event::{FromPod, Line, Message, Pending};
use super::news::Happening;
use super::pod::Process;

/// How long a leader waits for a proposal.
const PROPOSAL_TIMEOUT: Duration = Duration::from_secs(1);

impl Cluster {
    /// A member leads, with a brain that knows only what is replicated.
    pub(super) fn elected(&mut self, term: u64) {
        if term != self.term {
            return;
        }
        self.alarm = Alarm::off();
        let brain = TargetBrain::new(Arc::clone(self.state()), self.now);
        self.brain = Some(Stepper::new(brain));
        self.tell(Happening::Elected);
        self.step_assigner(TargetEvent::Woke);
    }

    pub(super) fn step_assigner(&mut self, event: TargetEvent) {
        let Some(brain) = &mut self.brain else { return };
        let actions = brain.step(event, self.now);
        if let Some(at) = self.alarm.set(brain.wake_at().max(self.now)) {
            self.queue.put(at, Pending::AssignerAlarm);
        }
        actions.into_iter().for_each(|action| self.perform(action));
    }

    fn perform(&mut self, action: TargetAction) {
        match action {
            TargetAction::Propose(change) => self.propose(Some(self.term), change),
            TargetAction::Probe(pod) => self.probe(pod),
            TargetAction::ConfirmLeadership => self.confirm_leadership(),
            TargetAction::PermitExit(session) => {
                if let Some(line) = self.desk.line_of(session) {
                    let connection = line.connection;
                    self.send_to_pod(line.life, SessionEvent::MayExitReceived { connection });
                }
            }
            TargetAction::Warm { session, slices } => {
                if let Some(line) = self.desk.line_of(session) {
                    let connection = line.connection;
                    self.send_to_pod(line.life, SessionEvent::WarmingOrdered { connection, slices });
                }
            }
            TargetAction::Close(session) => self.close(session),
            TargetAction::Explain(report) => self.tell(Happening::Decided(report)),
            // Nobody asks or watches here, and there is no store.
            TargetAction::Reply { .. } | TargetAction::Alert(_) | TargetAction::Grant { .. } => {}
        }
    }

    pub(super) fn propose(&mut self, term: Option<u64>, change: ChangeKind) {
        if self.now >= self.raft_fails_until {
            return self.log(term, change);
        }
        if let Some(term) = term {
            self.queue
                .put(self.now + PROPOSAL_TIMEOUT, Pending::ProposalFailed { term });
        }
        // Whether or not it is known, it may have reached the others.
        if self.chance.draw_bool(500) {
            self.log(None, change);
        }
    }

    /// Appends an entry to the log, which is applied in order.
    fn log(&mut self, term: Option<u64>, change: ChangeKind) {
        let at = self.now + self.draw(self.settings.raft_delay);
        self.logged_until = self.logged_until.max(at);
        self.queue.put(self.logged_until, Pending::Replicated { term, change });
    }

    pub(super) fn proposal_failed(&mut self) {
        let state = Arc::clone(self.state());
        self.step_assigner(TargetEvent::ProposalEnded { outcome: None, state });
    }

    /// A log entry is applied by all members, whoever leads by now.
    pub(super) fn replicate(&mut self, term: Option<u64>, change: ChangeKind) {
        let outcome = self.replicated.apply(&Change {
            target: self.target.clone(),
            kind: change.clone(),
        });
        self.tell(Happening::Replicated {
            change,
            outcome: outcome.clone(),
        });
        if outcome == Applied::Done {
            self.publish();
            let state = Arc::clone(self.state());
            self.step_assigner(TargetEvent::Applied { state });
        }
        if term == Some(self.term) {
            let state = Arc::clone(self.state());
            let outcome = Some(outcome);
            self.step_assigner(TargetEvent::ProposalEnded { outcome, state });
        }
    }

    /// Tells all who watch the assignment what they lack.
    fn publish(&mut self) {
        let assignment = Arc::clone(&self.state().assignment);
        if assignment.generation() <= self.published {
            return;
        }
        self.published = assignment.generation();
        let untold = self.desk.take_untold(self.published);
        let delay = self.draw(self.settings.network_delay);
        self.queue.put(self.now + delay, Pending::ToClients(assignment));
        for (line, known) in untold {
            self.send_update(line, known);
        }
    }

    fn send_update(&mut self, line: Line, known: Generation) {
        let assignment = &self.state().assignment;
        let update = match self.settings.sends_diffs {
            true => assignment.update_since(known),
            false => Update::Full(Arc::clone(assignment)),
        };
        let connection = line.connection;
        self.send_to_pod(line.life, SessionEvent::UpdateReceived { connection, update });
    }

    /// While Raft fails, no quorum answers.
    fn confirm_leadership(&mut self) {
        let leads = self.now >= self.raft_fails_until;
        let delay = match leads {
            true => self.draw(self.settings.network_delay) * 2,
            false => PROPOSAL_TIMEOUT,
        };
        let term = self.term;
        self.queue
            .put(self.now + delay, Pending::LeadershipChecked { term, leads });
    }

    /// What a probe finds is decided when it is sent.
    fn probe(&mut self, pod: Pod) {
        let place = self.places.get(&pod.name).copied();
        let found = place.map(|place| &self.pods[place]);
        let outcome = match found.map(|found| (found.process, found.is_cut_off)) {
            Some((_, true)) | Some((Process::Frozen | Process::Lost, _)) => ProbeOutcome::Silent,
            Some((Process::Running, false)) => ProbeOutcome::Answered,
            Some((Process::Ended, false)) | None => ProbeOutcome::Refused,
        };
        let delay = match outcome {
            ProbeOutcome::Silent => PROBE_DEADLINE,
            ProbeOutcome::Answered | ProbeOutcome::Refused => self.draw(self.settings.network_delay) * 2,
        };
        let term = self.term;
        self.queue.put(self.now + delay, Pending::Probed { term, pod, outcome });
    }

    /// A pod has said something.
    pub(super) fn hear(&mut self, said: FromPod) {
        let FromPod { line, message } = said;
        if let Message::Register { known } = message {
            return self.register(line, known);
        }
        // What comes on a line without session was said to an earlier leader, or before the session was closed.
        let Some(session) = self.desk.session_on(line) else {
            return;
        };
        match message {
            Message::Register { .. } => {}
            Message::Heartbeat { phase, warming } => self.step_assigner(TargetEvent::HeartbeatReceived {
                session,
                phase,
                store_demand: Rate::ZERO,
                warming,
            }),
            Message::LoadReport(report) => self.step_assigner(TargetEvent::LoadReported { session, report }),
            Message::Closed => {
                self.desk.close(session);
                self.step_assigner(TargetEvent::SessionClosed { session });
            }
        }
    }

    fn register(&mut self, line: Line, known: Generation) {
        let connection = line.connection;
        if self.brain.is_none() {
            return self.send_to_pod(line.life, SessionEvent::ConnectionLost { connection });
        }
        let settings = SessionSettings::from(&self.state().settings);
        let newest = self.newest();
        let session = self.desk.open(line, newest.max(known));
        self.send_to_pod(line.life, SessionEvent::Connected { connection, settings });
        if known < newest {
            self.send_update(line, known);
        }
        let pod = self.pod_of(line);
        self.step_assigner(TargetEvent::SessionOpened { session, pod });
    }

    /// The pod as it said it was when it registered.
    fn pod_of(&self, line: Line) -> Pod {
        Pod {
            incarnation: line.life.incarnation,
            ..self.pods[line.life.place].pod.clone()
        }
    }

    /// The assigner ends a session.
    pub(super) fn close(&mut self, session: SessionId) {
        let Some(line) = self.desk.close(session) else { return };
        let connection = line.connection;
        self.send_to_pod(line.life, SessionEvent::ConnectionLost { connection });
        let term = self.term;
        self.queue.put(self.now, Pending::SessionEnded { term, session });
    }
}
