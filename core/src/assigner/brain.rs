//! The brain of the assigner for one target.

mod inputs;
mod liveness;
mod overview;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::cluster::{ChangeKind, PodRecord, TargetState};
use super::decision_history::MOVES_OF_DECISION_MAX;
use super::event::{SessionId, TargetAction, TargetEvent};
use super::explanation::{DecisionStatus, Explanation};
use super::flap_damping::FlapDamping;
use super::handoff::Handoffs;
use super::health::Health;
use super::incident::IncidentLog;
use super::journal::DecisionJournal;
use super::mass_failure::MassFailureDetector;
use super::mass_failure_guard::MassFailureGuard;
use super::pacing::{Pacing, Verdict};
use super::pod_sessions::{PodSession, PodSessions};
use super::poison::PoisonDetector;
use super::query::{Query, QueryReply};
use super::rolling_update::RollingUpdateDetector;
use super::store_budget::{Claim, StoreBudget};
use super::trouble::Alarm;
use crate::balancer::{Decision, DecisionReport, Scope};
use crate::brain::{Brain, Output};
use crate::keyspace::Slice;
use crate::load::{LoadHistory, LoadReport};
use crate::pod::{Pod, PodName, PodPhase};
use crate::rate::Rate;
use crate::time::Timestamp;
use crate::warmth::Warmth;

/// The interval between a failed proposal and the next one.
const PROPOSAL_RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// Decides for one target while this member leads. Each review compares the whole state with the desired one and proposes
/// the most urgent difference, so the next review repeats a lost proposal.
#[derive(Debug)]
pub struct TargetBrain {
    state: Arc<TargetState>,
    sessions: PodSessions,
    history: LoadHistory,
    health: Health,
    pacing: Pacing,
    mass_failure: MassFailureDetector,
    mass_failure_guard: MassFailureGuard,
    flap_damping: FlapDamping,
    /// The alarm that the last [`TargetAction::Alert`] reported.
    alarm: Alarm,
    rolling_update: RollingUpdateDetector,
    /// The pods whose last load report exceeds their capacity.
    overloaded: BTreeSet<PodName>,
    poison: PoisonDetector,
    handoffs: Handoffs,
    store_budget: StoreBudget,
    journal: DecisionJournal,
    incidents: IncidentLog,
    /// Whether a proposal is in progress. There is one at a time, so that each is computed from the result of the last one.
    is_proposing: bool,
    /// The earliest time of the next proposal; later than now only after one has failed.
    propose_after: Timestamp,
    /// When the next decision may be due if no event arrives before.
    decide_at: Timestamp,
    /// Whether an event since the last review makes another one necessary.
    needs_review: bool,
    wake_at: Timestamp,
}

impl TargetBrain {
    /// The brain of a member that has just become the leader: it has the replicated state and no sessions yet.
    #[must_use]
    pub fn new(state: Arc<TargetState>, now: Timestamp) -> Self {
        let mut brain = Self {
            state: Arc::clone(&state),
            sessions: PodSessions::default(),
            history: LoadHistory::default(),
            health: Health::default(),
            pacing: Pacing::new(now),
            mass_failure: MassFailureDetector::default(),
            mass_failure_guard: MassFailureGuard::default(),
            flap_damping: FlapDamping::default(),
            alarm: Alarm::default(),
            rolling_update: RollingUpdateDetector::default(),
            overloaded: BTreeSet::new(),
            poison: PoisonDetector::default(),
            handoffs: Handoffs::default(),
            store_budget: StoreBudget::default(),
            journal: DecisionJournal::default(),
            incidents: IncidentLog::new(&state.decisions, now),
            is_proposing: false,
            propose_after: now,
            decide_at: now,
            needs_review: true,
            wake_at: now,
        };
        brain.sync(state, now);
        brain
    }

    /// Records an event; returns the reply to a query. Heartbeats and load reports, by far the most events, require a
    /// review only if they change something.
    fn record(&mut self, event: TargetEvent, now: Timestamp) -> Option<TargetAction> {
        match event {
            TargetEvent::HeartbeatReceived {
                session,
                phase,
                store_demand,
                warming,
            } => {
                self.on_heartbeat(session, phase, store_demand, now);
                self.on_warmth_report(session, &warming);
                return None;
            }
            TargetEvent::LoadReported { session, report } => {
                self.on_load_report(session, &report, now);
                return None;
            }
            TargetEvent::QueryReceived { id, query } => {
                let reply = self.reply_to(query, now);
                return Some(TargetAction::Reply { id, reply });
            }
            TargetEvent::Applied { state } => self.sync(state, now),
            TargetEvent::ProposalEnded { outcome, state } => {
                // ## proposing -> idle: the change was applied or rejected
                self.is_proposing = false;
                if outcome.is_none() {
                    // ## proposing -> retrying: the outcome is unknown
                    self.propose_after = now + PROPOSAL_RETRY_INTERVAL;
                }
                self.sync(state, now);
            }
            TargetEvent::SessionOpened { session, pod } => {
                self.health
                    .on_heartbeat(&pod.name, pod.incarnation, PodPhase::Ready, now);
                self.sessions.open(session, pod);
            }
            TargetEvent::SessionClosed { session } => {
                if let Some(closed) = self.sessions.close(session) {
                    self.health
                        .on_session_lost(&closed.pod.name, closed.pod.incarnation, now);
                }
            }
            TargetEvent::Probed {
                pod,
                incarnation,
                outcome,
            } => self.on_probe(&pod, incarnation, outcome, now),
            TargetEvent::UnreachableReported { pod, incarnation } => {
                self.needs_review |= self.health.on_unreachable_report(&pod, incarnation, now);
                return None;
            }
            TargetEvent::LeadershipChecked { leads } => self.on_leadership_check(leads, now),
            TargetEvent::Woke => {}
        }
        self.needs_review = true;
        None
    }

    fn on_heartbeat(&mut self, session: SessionId, phase: PodPhase, store_demand: Rate, now: Timestamp) {
        let Some(open) = self.sessions.on_heartbeat(session, phase, store_demand) else {
            return;
        };
        let has_changed = self
            .health
            .on_heartbeat(&open.pod.name, open.pod.incarnation, phase, now);
        self.needs_review |= has_changed;
        self.store_budget.on_demand(&open.pod.name, store_demand);
        self.wake_at = self.wake_at.min(self.store_budget.wake_at());
    }

    /// A slice that has become warm requires a review.
    fn on_warmth_report(&mut self, session: SessionId, warming: &[(Slice, Warmth)]) {
        if let Some(open) = self.sessions.get(session) {
            let settings = &self.state.settings.handoff;
            self.needs_review |= self.handoffs.on_warmth_report(&open.pod.name, warming, settings);
        }
    }

    /// A pod that has become overloaded requires a review.
    fn on_load_report(&mut self, session: SessionId, report: &LoadReport, now: Timestamp) {
        let Some(open) = self.sessions.get(session) else {
            return;
        };
        let name = &open.pod.name;
        self.history.record(name, report, now);
        if report.total() > self.state.settings.balancer.capacity_of(open.pod.weight) {
            self.needs_review |= self.overloaded.insert(name.clone());
        } else {
            self.overloaded.remove(name);
        }
    }

    /// Adopts the replicated state, and passes its changes to the detectors.
    fn sync(&mut self, state: Arc<TargetState>, now: Timestamp) {
        if state.pods != self.state.pods {
            self.pacing.on_pods_changed(now);
            let grace = state.settings.pacing.join_grace;
            self.rolling_update.observe(&self.state.pods, &state.pods, grace, now);
            self.forget_ended_incarnations(&state, now);
            self.record_crashes(&state, now);
            self.flap_damping.observe(&self.state.pods, &state.pods, now);
        }
        self.incidents.observe(&self.state, &state, now);
        self.poison.observe(&state.poisoned, now);
        self.health.sync(&state.pods, state.settings.health.leader_grace, now);
        self.handoffs.observe(&state.assignment, now);
        let decided = self.journal.observe(&state.assignment);
        self.incidents.on_decision(decided, now);
        self.state = state;
    }

    /// The load reported by ended incarnations stays in the history until other pods have measured it.
    fn forget_ended_incarnations(&mut self, state: &TargetState, now: Timestamp) {
        for (name, record) in &self.state.pods {
            let incarnation = state.pods.get(name).map(|record| record.pod.incarnation);
            if incarnation != Some(record.pod.incarnation) {
                self.history.forget(name, now);
                self.overloaded.remove(name);
            }
        }
    }

    /// A removed pod was declared dead; unless it was draining, it has crashed.
    fn record_crashes(&mut self, state: &TargetState, now: Timestamp) {
        let has_crashed =
            |(name, record): &(&PodName, &PodRecord)| !record.is_draining && !state.pods.contains_key(*name);
        for (_, record) in self.state.pods.iter().filter(has_crashed) {
            self.poison.on_crash(&record.pod, &self.state.assignment, now);
        }
    }

    /// Closes replaced sessions, and sessions of dead pods, so that a pod wrongly declared dead registers again.
    fn close_replaced_sessions(&mut self) -> Vec<TargetAction> {
        let dead: Vec<_> = self
            .health
            .dead()
            .map(|(name, incarnation)| (name.clone(), incarnation))
            .collect();
        for (name, incarnation) in dead {
            self.sessions.replace_incarnation(&name, incarnation);
        }
        self.sessions
            .take_replaced()
            .into_iter()
            .map(TargetAction::Close)
            .collect()
    }

    /// Permits drained pods to exit.
    fn permit_exits(&mut self) -> Vec<TargetAction> {
        let (state, sessions) = (&self.state, &mut self.sessions);
        let has_drained = |pod: &Pod| {
            let record = state.pods.get(&pod.name);
            let is_draining =
                record.is_some_and(|record| record.is_draining && record.pod.incarnation == pod.incarnation);
            is_draining && state.assignment.index_of(&pod.name).is_none()
        };
        sessions
            .permit_exits(has_drained)
            .map(TargetAction::PermitExit)
            .collect()
    }

    /// Grants shares of the object store budget.
    fn grants(&mut self, now: Timestamp) -> Vec<TargetAction> {
        let (state, sessions) = (&self.state, &self.sessions);
        let names = state.pods.keys().chain(sessions.iter().map(|open| &open.pod.name));
        let claims = names.map(|name| {
            let open = sessions.of_pod(name);
            let claim = Claim {
                session: open.map(|(id, _)| id),
                demand: open.and_then(|(_, session)| session.store_demand),
            };
            (name.clone(), claim)
        });
        let claims = claims.collect();
        let total = state.settings.store.requests_per_second.map(Rate::per_second);
        let grants = self.store_budget.update(total, &claims, now).into_iter();
        grants
            .map(|(session, rate)| TargetAction::Grant { session, rate })
            .collect()
    }

    /// Orders pods to warm slices; only changed orders are sent.
    fn order_warming(&mut self, now: Timestamp) -> Vec<TargetAction> {
        let (health, sessions) = (&self.health, &mut self.sessions);
        let may_warm = |pod: &PodName| health.is_alive(pod) && sessions.of_pod(pod).is_some();
        self.handoffs.admit(&self.state.settings.handoff, may_warm, now);
        let mut orders = self.handoffs.orders();
        let changed = sessions.update_orders(|pod| orders.remove(pod).unwrap_or_default());
        let warm = |(session, slices)| TargetAction::Warm { session, slices };
        changed.into_iter().map(warm).collect()
    }

    /// Proposes the most urgent change, if any.
    fn proposal(&mut self, now: Timestamp) -> Vec<TargetAction> {
        self.decide_at = Timestamp::NEVER;
        if self.is_proposing {
            return Vec::new();
        }
        if now < self.propose_after {
            self.decide_at = self.propose_after;
            return Vec::new();
        }
        // ## idle, retrying -> proposing: a change is overdue, or the balancer decided on one
        let actions = match self.overdue_change(now) {
            Some(change) => vec![TargetAction::Propose(change)],
            None => self.decision(now),
        };
        self.is_proposing = actions.iter().any(|action| matches!(action, TargetAction::Propose(_)));
        actions
    }

    /// The most urgent fact about pods or keys that is not replicated yet.
    fn overdue_change(&self, now: Timestamp) -> Option<ChangeKind> {
        let mut dead = self.health.dead();
        if let Some((name, incarnation)) = dead.find(|(name, _)| self.state.pods.contains_key(*name)) {
            return Some(ChangeKind::RemovePod {
                name: name.clone(),
                incarnation,
            });
        }
        let unregistered = self.sessions.iter().find(|open| self.is_draining(&open.pod).is_none());
        if let Some(open) = unregistered {
            return Some(ChangeKind::RegisterPod { pod: open.pod.clone() });
        }
        let must_drain = |open: &&PodSession| open.is_draining && self.is_draining(&open.pod) == Some(false);
        if let Some(draining) = self.sessions.iter().find(must_drain) {
            return Some(ChangeKind::DrainPod {
                name: draining.pod.name.clone(),
            });
        }
        self.poison.overdue_change(&self.state.poisoned, now)
    }

    /// Whether the pod is draining; `None` if this incarnation of the pod is not registered.
    fn is_draining(&self, pod: &Pod) -> Option<bool> {
        let record = self.state.pods.get(&pod.name).filter(|record| record.pod == *pod);
        record.map(|record| record.is_draining)
    }

    fn decision(&mut self, now: Timestamp) -> Vec<TargetAction> {
        let inputs = self.pacing_inputs(now);
        let scope = match self.pacing.verdict(inputs, &self.state.settings.pacing, now) {
            Verdict::Decide(scope) => scope,
            Verdict::Keep { check_at, .. } => {
                self.decide_at = check_at.min(self.handoffs.wake_at(&self.state.settings.handoff, now));
                return Vec::new();
            }
        };
        let Decision { next, report } = self.decision_inputs(scope, now).decide();
        self.pacing.on_decision(scope, next.is_some(), now);
        self.decide_at = now;
        let Some(next) = next else {
            self.journal.on_idle_decision(report.clone());
            return vec![TargetAction::ExplainIdle(report)];
        };
        let diff = next.diff_since(self.state.assignment.generation());
        let report = Arc::new(report);
        let replicated = match report.moves.len() {
            ..=MOVES_OF_DECISION_MAX => Arc::clone(&report),
            _ => Arc::new(report.as_ref().clone().limited(MOVES_OF_DECISION_MAX)),
        };
        self.journal.on_proposal(next.generation(), Arc::clone(&report));
        vec![
            TargetAction::Explain(report),
            TargetAction::Propose(ChangeKind::Assign {
                diff,
                report: replicated,
            }),
        ]
    }

    fn reply_to(&self, query: Query, now: Timestamp) -> QueryReply {
        match query {
            Query::Explain { last } => QueryReply::Explanation(Explanation {
                now,
                status: self.status(now),
                troubles: self.troubles(now),
                decisions: self.state.decisions.last(last),
                idle: self.last_idle(),
            }),
            Query::DecisionInputs => QueryReply::DecisionInputs(Box::new(self.decision_inputs(Scope::Repair, now))),
            Query::Overview => QueryReply::Overview(Box::new(self.overview(now))),
            Query::Incidents { after } => QueryReply::Incidents {
                incidents: self.incidents.after(after),
                now,
            },
        }
    }

    /// The last decision that changed nothing, if none with an effect was made after it.
    fn last_idle(&self) -> Option<Arc<DecisionReport>> {
        let newest = self.state.decisions.newest();
        self.journal.last_idle(newest.map(|decided| decided.report.decided_at))
    }

    /// The outcome of [`TargetBrain::proposal`] if it were called now.
    fn status(&self, now: Timestamp) -> DecisionStatus {
        if self.is_proposing {
            return DecisionStatus::Proposing;
        }
        if now < self.propose_after {
            let after = self.propose_after.since(now);
            return DecisionStatus::RetryingProposal { after };
        }
        if self.overdue_change(now).is_some() {
            return DecisionStatus::Registering;
        }
        let verdict = self
            .pacing
            .clone()
            .verdict(self.pacing_inputs(now), &self.state.settings.pacing, now);
        DecisionStatus::of(verdict, now)
    }
}

impl Brain for TargetBrain {
    type Event = TargetEvent;
    type Action = TargetAction;

    fn step(&mut self, event: TargetEvent, now: Timestamp) -> Output<TargetAction> {
        let mut actions: Vec<TargetAction> = self.record(event, now).into_iter().collect();
        if self.needs_review || now >= self.wake_at {
            actions.extend(self.review_liveness(now));
            actions.extend(self.close_replaced_sessions());
            actions.extend(self.permit_exits());
            actions.extend(self.grants(now));
            actions.extend(self.order_warming(now));
            actions.extend(self.proposal(now));
            self.needs_review = false;
            let detectors_wake_at = self.poison.wake_at().min(self.store_budget.wake_at());
            self.wake_at = self.decide_at.min(self.liveness_wake_at(now)).min(detectors_wake_at);
        }
        Output {
            actions,
            wake_at: self.wake_at,
        }
    }

    fn woke() -> TargetEvent {
        TargetEvent::Woke
    }
}
