//! The hands of the leading brain, with the delays of a network and of Raft.

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

use super::cluster::SimCluster;
use super::cluster_event::ClusterEvent;
use super::event::{FromPod, Pending, PodConnection, PodMessage};
use super::pod::ProcessState;
use super::wake_up_timer::WakeUpTimer;

/// How long a leader waits for the outcome of a proposal.
const PROPOSAL_TIMEOUT: Duration = Duration::from_secs(1);

impl SimCluster {
    /// A member becomes leader, with a brain that starts from the replicated state.
    pub(super) fn elect(&mut self, term: u64) {
        if term != self.term {
            return;
        }
        self.wake_up = WakeUpTimer::off();
        let brain = TargetBrain::new(Arc::clone(self.state()), self.now);
        self.brain = Some(Stepper::new(brain));
        self.record_event(ClusterEvent::Elected);
        self.step_assigner(TargetEvent::Woke);
    }

    pub(super) fn step_assigner(&mut self, event: TargetEvent) {
        let Some(brain) = &mut self.brain else { return };
        let actions = brain.step(event, self.now);
        if let Some(at) = self.wake_up.set(brain.wake_at().max(self.now)) {
            self.queue.put(at, Pending::WakeAssigner);
        }
        actions.into_iter().for_each(|action| self.perform(action));
    }

    fn perform(&mut self, action: TargetAction) {
        match action {
            TargetAction::Propose(change) => self.propose(Some(self.term), change),
            TargetAction::Probe(pod) => self.probe(pod),
            TargetAction::ConfirmLeadership => self.confirm_leadership(),
            TargetAction::PermitExit(session) => {
                if let Some(connection) = self.sessions.connection_of(session) {
                    self.send_to_pod(
                        connection.incarnation,
                        SessionEvent::MayExitReceived {
                            connection: connection.number,
                        },
                    );
                }
            }
            TargetAction::Warm { session, slices } => {
                if let Some(connection) = self.sessions.connection_of(session) {
                    self.send_to_pod(
                        connection.incarnation,
                        SessionEvent::WarmingOrdered {
                            connection: connection.number,
                            slices,
                        },
                    );
                }
            }
            TargetAction::Close(session) => self.close(session),
            TargetAction::Explain(report) => self.record_event(ClusterEvent::Decided(report)),
            TargetAction::ExplainIdle(_) => {}
            TargetAction::Alert(alarm) => self.record_event(ClusterEvent::Alerted(alarm)),
            // There are no queries and no store in a simulated cluster.
            TargetAction::Reply { .. } | TargetAction::Grant { .. } => {}
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
        // A proposal that times out may still have been replicated.
        if self.random.draw_bool(500) {
            self.log(None, change);
        }
    }

    /// Appends an entry to the log, which is applied in order.
    fn log(&mut self, term: Option<u64>, change: ChangeKind) {
        let at = self.now + self.draw_delay(self.settings.raft_delay);
        self.logged_until = self.logged_until.max(at);
        self.queue.put(self.logged_until, Pending::Replicated { term, change });
    }

    pub(super) fn on_proposal_failed(&mut self) {
        let state = Arc::clone(self.state());
        self.step_assigner(TargetEvent::ProposalEnded { outcome: None, state });
    }

    /// All members apply a log entry, whichever of them leads by now.
    pub(super) fn replicate(&mut self, term: Option<u64>, change: ChangeKind) {
        let outcome = self.replicated.apply(&Change {
            target: self.target.clone(),
            kind: change.clone(),
        });
        self.record_event(ClusterEvent::Replicated {
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

    /// Sends the newest assignment to clients, and updates to pods.
    fn publish(&mut self) {
        let assignment = Arc::clone(&self.state().assignment);
        if assignment.generation() <= self.published {
            return;
        }
        self.published = assignment.generation();
        let outdated = self.sessions.take_outdated(self.published);
        let delay = self.draw_delay(self.settings.network_delay);
        self.queue.put(self.now + delay, Pending::ToClients(assignment));
        for (connection, known) in outdated {
            self.send_update(connection, known);
        }
    }

    fn send_update(&mut self, connection: PodConnection, known: Generation) {
        let assignment = &self.state().assignment;
        let update = match self.settings.sends_diffs {
            true => assignment.update_since(known),
            false => Update::Full(Arc::clone(assignment)),
        };
        self.send_to_pod(
            connection.incarnation,
            SessionEvent::UpdateReceived {
                connection: connection.number,
                update,
            },
        );
    }

    /// Asks a quorum; while Raft fails, none answers.
    fn confirm_leadership(&mut self) {
        let leads = self.now >= self.raft_fails_until;
        let delay = match leads {
            true => self.draw_delay(self.settings.network_delay) * 2,
            false => PROPOSAL_TIMEOUT,
        };
        let term = self.term;
        self.queue
            .put(self.now + delay, Pending::LeadershipChecked { term, leads });
    }

    /// Probes a pod; the result is fixed when the probe is sent.
    fn probe(&mut self, pod: Pod) {
        let index = self.indices.get(&pod.name).copied();
        let found = index.map(|index| &self.pods[index]);
        let outcome = match found.map(|found| (found.process, found.is_cut_off)) {
            Some((_, true)) | Some((ProcessState::Frozen | ProcessState::Lost, _)) => ProbeOutcome::Silent,
            Some((ProcessState::Running, false)) => ProbeOutcome::Answered,
            Some((ProcessState::Ended, false)) | None => ProbeOutcome::Refused,
        };
        let delay = match outcome {
            ProbeOutcome::Silent => PROBE_DEADLINE,
            ProbeOutcome::Answered | ProbeOutcome::Refused => self.draw_delay(self.settings.network_delay) * 2,
        };
        let term = self.term;
        self.queue.put(self.now + delay, Pending::Probed { term, pod, outcome });
    }

    /// Handles a message of a pod.
    pub(super) fn receive_from_pod(&mut self, sent: FromPod) {
        let FromPod { connection, message } = sent;
        if let PodMessage::Register { known } = message {
            return self.register(connection, known);
        }
        // A message on a connection without session was sent to an earlier leader, or before the session was closed.
        let Some(session) = self.sessions.session_on(connection) else {
            return;
        };
        match message {
            PodMessage::Register { .. } => {}
            PodMessage::Heartbeat { phase, warming } => self.step_assigner(TargetEvent::HeartbeatReceived {
                session,
                phase,
                store_demand: Rate::ZERO,
                warming,
            }),
            PodMessage::LoadReport(report) => self.step_assigner(TargetEvent::LoadReported { session, report }),
            PodMessage::Closed => {
                self.sessions.close(session);
                self.step_assigner(TargetEvent::SessionClosed { session });
            }
        }
    }

    fn register(&mut self, connection: PodConnection, known: Generation) {
        if self.brain.is_none() {
            return self.send_to_pod(
                connection.incarnation,
                SessionEvent::ConnectionLost {
                    connection: connection.number,
                },
            );
        }
        let settings = SessionSettings::from(&self.state().settings);
        let newest = self.newest();
        let session = self.sessions.open(connection, newest.max(known));
        self.send_to_pod(
            connection.incarnation,
            SessionEvent::Connected {
                connection: connection.number,
                settings,
            },
        );
        if known < newest {
            self.send_update(connection, known);
        }
        let pod = self.pod_of(connection);
        self.step_assigner(TargetEvent::SessionOpened { session, pod });
    }

    /// The pod as it registered on that connection.
    fn pod_of(&self, connection: PodConnection) -> Pod {
        Pod {
            incarnation: connection.incarnation.number,
            ..self.pods[connection.incarnation.index].pod.clone()
        }
    }

    /// Closes a session from the assigner's side.
    pub(super) fn close(&mut self, session: SessionId) {
        let Some(connection) = self.sessions.close(session) else {
            return;
        };
        self.send_to_pod(
            connection.incarnation,
            SessionEvent::ConnectionLost {
                connection: connection.number,
            },
        );
        let term = self.term;
        self.queue.put(self.now, Pending::SessionEnded { term, session });
    }
}
