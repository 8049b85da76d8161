//! The brain of the assigner for one target.

mod inputs;
mod liveness;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::cluster::{ChangeKind, PodRecord, TargetState};
use super::event::{SessionId, TargetAction, TargetEvent};
use super::flap_damping::FlapDamping;
use super::handoff::Handoffs;
use super::health::Health;
use super::journal::DecisionJournal;
use super::mass_failure::MassFailureDetector;
use super::mass_failure_guard::MassFailureGuard;
use super::pacing::{Pacing, Verdict};
use super::pod_sessions::{PodSession, PodSessions};
use super::poison::PoisonDetector;
use super::query::{DecisionStatus, Explanation, Query, QueryReply};
use super::rolling_update::RollingUpdateDetector;
use super::store_budget::{Claim, StoreBudget};
use super::trouble::Alarm;
use crate::balancer::{Decision, Scope};
use crate::brain::{Brain, Output};
use crate::keyspace::Slice;
use crate::load::{LoadHistory, LoadReport};
use crate::pod::{Pod, PodName, PodPhase};
use crate::rate::Rate;
use crate::time::Timestamp;
use crate::warmth::Warmth;

/// How long to wait before a proposal that failed is made again.
const PROPOSE_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// Decides for one target while this member leads. Whatever was proposed and lost is proposed again: each step looks
/// at the whole state and finds the most urgent difference to what should be.
#[derive(Debug)]
pub struct TargetBrain {
    state: Arc<TargetState>,
    sessions: PodSessions,
    history: LoadHistory,
    health: Health,
    pacing: Pacing,
    outage: MassFailureDetector,
    caution: MassFailureGuard,
    flapping: FlapDamping,
    /// What was said last to be alerted on.
    alarm: Alarm,
    replacement: RollingUpdateDetector,
    /// The pods that have lately said that they have more load than they can carry.
    overloaded: BTreeSet<PodName>,
    poison: PoisonDetector,
    handoffs: Handoffs,
    store_budget: StoreBudget,
    journal: DecisionJournal,
    /// One proposal at a time, so that each is made in view of the last.
    is_proposing: bool,
    propose_after: Timestamp,
    /// When there will be something to decide about if nothing happens before.
    look_again: Timestamp,
    /// Whether something happened since the last look at the whole.
    is_stale: bool,
    wake_at: Timestamp,
}

impl TargetBrain {
    /// The brain of a member that has just become the leader: it knows who is registered and has heard nobody yet.
    #[must_use]
    pub fn new(state: Arc<TargetState>, now: Timestamp) -> Self {
        let mut brain = Self {
            state: Arc::clone(&state),
            sessions: PodSessions::default(),
            history: LoadHistory::default(),
            health: Health::default(),
            pacing: Pacing::new(now),
            outage: MassFailureDetector::default(),
            caution: MassFailureGuard::default(),
            flapping: FlapDamping::default(),
            alarm: Alarm::default(),
            replacement: RollingUpdateDetector::default(),
            overloaded: BTreeSet::new(),
            poison: PoisonDetector::default(),
            handoffs: Handoffs::default(),
            store_budget: StoreBudget::default(),
            journal: DecisionJournal::default(),
            is_proposing: false,
            propose_after: now,
            look_again: now,
            is_stale: true,
            wake_at: now,
        };
        brain.sync(state, now);
        brain
    }

    /// Notes what happened. Heartbeats and load reports, by far the most events, are no reason to look at the whole.
    /// Answers, where it was a question.
    fn take_in(&mut self, event: TargetEvent, now: Timestamp) -> Option<TargetAction> {
        match event {
            TargetEvent::HeartbeatReceived {
                session,
                phase,
                store_demand,
                warming,
            } => {
                self.heartbeat(session, phase, store_demand, now);
                self.warmed(session, &warming);
                return None;
            }
            TargetEvent::LoadReported { session, report } => {
                self.load_reported(session, &report, now);
                return None;
            }
            TargetEvent::QueryReceived { id, query } => {
                let answer = self.answer(query, now);
                return Some(TargetAction::Reply { id, reply: answer });
            }
            TargetEvent::Applied { state } => self.sync(state, now),
            TargetEvent::ProposalEnded { outcome, state } => {
                self.is_proposing = false;
                if outcome.is_none() {
                    self.propose_after = now + PROPOSE_AGAIN_AFTER;
                }
                self.sync(state, now);
            }
            TargetEvent::SessionOpened { session, pod } => {
                self.health.heard(&pod.name, pod.incarnation, PodPhase::Ready, now);
                self.sessions.open(session, pod);
            }
            TargetEvent::SessionClosed { session } => {
                if let Some(closed) = self.sessions.close(session) {
                    self.health.lost(&closed.pod.name, closed.pod.incarnation, now);
                }
            }
            TargetEvent::Probed {
                pod,
                incarnation,
                outcome,
            } => self.probed(&pod, incarnation, outcome, now),
            TargetEvent::UnreachableReported { pod, incarnation } => {
                self.is_stale |= self.health.reported(&pod, incarnation, now);
                return None;
            }
            TargetEvent::LeadershipChecked { leads } => self.leadership_checked(leads, now),
            TargetEvent::Woke => {}
        }
        self.is_stale = true;
        None
    }

    fn heartbeat(&mut self, session: SessionId, phase: PodPhase, store_demand: Rate, now: Timestamp) {
        let Some(open) = self.sessions.heartbeat(session, phase, store_demand) else {
            return;
        };
        let has_changed = self.health.heard(&open.pod.name, open.pod.incarnation, phase, now);
        self.is_stale |= has_changed;
        self.store_budget.heard(&open.pod.name, store_demand);
        self.wake_at = self.wake_at.min(self.store_budget.wake_at());
    }

    /// That a slice has become warm is a reason to look at the whole.
    fn warmed(&mut self, session: SessionId, warming: &[(Slice, Warmth)]) {
        if let Some(open) = self.sessions.get(session) {
            let settings = &self.state.settings.handoff;
            self.is_stale |= self.handoffs.warmed(&open.pod.name, warming, settings);
        }
    }

    /// That a pod has become overloaded is a reason to look at the whole.
    fn load_reported(&mut self, session: SessionId, report: &LoadReport, now: Timestamp) {
        let Some(open) = self.sessions.get(session) else {
            return;
        };
        let name = &open.pod.name;
        self.history.record(name, report, now);
        if report.total() > self.state.settings.balancer.capacity_of(open.pod.weight) {
            self.is_stale |= self.overloaded.insert(name.clone());
        } else {
            self.overloaded.remove(name);
        }
    }

    fn sync(&mut self, state: Arc<TargetState>, now: Timestamp) {
        if state.pods != self.state.pods {
            self.pacing.pods_changed(now);
            let grace = state.settings.pacing.join_grace;
            self.replacement.observe(&self.state.pods, &state.pods, grace, now);
            self.forget_lives_that_ended(&state, now);
            self.note_crashes(&state, now);
            self.flapping.observe(&self.state.pods, &state.pods, now);
        }
        self.poison.observe(&state.poisoned, now);
        self.health.sync(&state.pods, state.settings.health.leader_grace, now);
        self.handoffs.observe(&state.assignment, now);
        self.journal.observe(&state.assignment);
        self.state = state;
    }

    /// Load that pods measured which are gone, or have begun a new life, stands until others have measured it.
    fn forget_lives_that_ended(&mut self, state: &TargetState, now: Timestamp) {
        for (name, record) in &self.state.pods {
            let life = state.pods.get(name).map(|record| record.pod.incarnation);
            if life != Some(record.pod.incarnation) {
                self.history.forget(name, now);
                self.overloaded.remove(name);
            }
        }
    }

    /// A pod that is registered no longer was declared dead; unless it was draining, it has crashed.
    fn note_crashes(&mut self, state: &TargetState, now: Timestamp) {
        let is_gone = |(name, record): &(&PodName, &PodRecord)| !record.is_draining && !state.pods.contains_key(*name);
        for (_, record) in self.state.pods.iter().filter(is_gone) {
            self.poison.crashed(&record.pod, &self.state.assignment, now);
        }
    }

    /// Ends sessions that a newer one of the same pod has replaced, and those of pods that were declared dead, so that
    /// they have to register again if they are not.
    fn closings(&mut self) -> Vec<TargetAction> {
        let dead: Vec<_> = self
            .health
            .dead()
            .map(|(name, incarnation)| (name.clone(), incarnation))
            .collect();
        for (name, incarnation) in dead {
            self.sessions.replace_life(&name, incarnation);
        }
        self.sessions
            .take_replaced()
            .into_iter()
            .map(TargetAction::Close)
            .collect()
    }

    /// Lets drained pods go.
    fn exits(&mut self) -> Vec<TargetAction> {
        let (state, sessions) = (&self.state, &mut self.sessions);
        let has_drained = |pod: &Pod| {
            let record = state.pods.get(&pod.name);
            let is_draining =
                record.is_some_and(|record| record.is_draining && record.pod.incarnation == pod.incarnation);
            is_draining && state.assignment.index_of(&pod.name).is_none()
        };
        sessions.let_exit(has_drained).map(TargetAction::PermitExit).collect()
    }

    /// Deals out what the pods may ask of their object store.
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
        let grants = self.store_budget.grants(total, &claims, now).into_iter();
        grants
            .map(|(session, rate)| TargetAction::Grant { session, rate })
            .collect()
    }

    /// Tells pods which slices to get ready.
    fn orders(&mut self, now: Timestamp) -> Vec<TargetAction> {
        let (health, sessions) = (&self.health, &mut self.sessions);
        let may_warm = |pod: &PodName| health.is_heard(pod) && sessions.of_pod(pod).is_some();
        self.handoffs.admit(&self.state.settings.handoff, may_warm, now);
        let mut orders = self.handoffs.orders();
        let told = sessions.warm(|pod| orders.remove(pod).unwrap_or_default());
        let warm = |(session, slices)| TargetAction::Warm { session, slices };
        told.into_iter().map(warm).collect()
    }

    /// The most urgent change that is not made yet.
    fn proposal(&mut self, now: Timestamp) -> Vec<TargetAction> {
        self.look_again = Timestamp::NEVER;
        if self.is_proposing {
            return Vec::new();
        }
        if now < self.propose_after {
            self.look_again = self.propose_after;
            return Vec::new();
        }
        let actions = match self.overdue_change(now) {
            Some(change) => vec![TargetAction::Propose(change)],
            None => self.decision(now),
        };
        self.is_proposing = actions.iter().any(|action| matches!(action, TargetAction::Propose(_)));
        actions
    }

    /// What sessions and health know and the replicated state does not.
    fn overdue_change(&self, now: Timestamp) -> Option<ChangeKind> {
        let mut dead = self.health.dead();
        if let Some((name, incarnation)) = dead.find(|(name, _)| self.state.pods.contains_key(*name)) {
            return Some(ChangeKind::RemovePod {
                name: name.clone(),
                incarnation,
            });
        }
        let unregistered = self.sessions.iter().find(|open| self.record(&open.pod).is_none());
        if let Some(open) = unregistered {
            return Some(ChangeKind::RegisterPod { pod: open.pod.clone() });
        }
        let wants_drain = |open: &&PodSession| open.is_draining && self.record(&open.pod) == Some(false);
        if let Some(draining) = self.sessions.iter().find(wants_drain) {
            return Some(ChangeKind::DrainPod {
                name: draining.pod.name.clone(),
            });
        }
        self.poison.overdue_change(&self.state.poisoned, now)
    }

    /// Whether exactly this pod is registered, and if so whether it is draining.
    fn record(&self, pod: &Pod) -> Option<bool> {
        let record = self.state.pods.get(&pod.name).filter(|record| record.pod == *pod);
        record.map(|record| record.is_draining)
    }

    fn decision(&mut self, now: Timestamp) -> Vec<TargetAction> {
        let needs = self.needs(now);
        let scope = match self.pacing.verdict(needs, &self.state.settings.pacing, now) {
            Verdict::Decide(scope) => scope,
            Verdict::Keep { look_again, .. } => {
                self.look_again = look_again.min(self.handoffs.wake_at(&self.state.settings.handoff, now));
                return Vec::new();
            }
        };
        let Decision { next, report } = self.inputs(scope, now).decide();
        self.pacing.decided(scope, next.is_some(), now);
        self.look_again = now;
        let Some(next) = next else {
            self.journal.idle(report);
            return Vec::new();
        };
        self.journal.proposed(next.generation(), report.clone());
        let diff = next.diff_since(self.state.assignment.generation());
        vec![
            TargetAction::Explain(report),
            TargetAction::Propose(ChangeKind::Assign { diff }),
        ]
    }

    fn answer(&self, query: Query, now: Timestamp) -> QueryReply {
        match query {
            Query::Explain { last } => QueryReply::Explanation(Explanation {
                now,
                status: self.status(now),
                troubles: self.troubles(now),
                decisions: self.journal.last(last),
                idle: self.journal.last_idle(),
            }),
            Query::DecisionInputs => QueryReply::DecisionInputs(Box::new(self.inputs(Scope::Repair, now))),
        }
    }

    /// What [`TargetBrain::proposal`] would come to now.
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
            .verdict(self.needs(now), &self.state.settings.pacing, now);
        DecisionStatus::of(verdict, now)
    }
}

impl Brain for TargetBrain {
    type Event = TargetEvent;
    type Action = TargetAction;

    fn step(&mut self, event: TargetEvent, now: Timestamp) -> Output<TargetAction> {
        let mut actions: Vec<TargetAction> = self.take_in(event, now).into_iter().collect();
        if self.is_stale || now >= self.wake_at {
            actions.extend(self.watch_pods(now));
            actions.extend(self.closings());
            actions.extend(self.exits());
            actions.extend(self.grants(now));
            actions.extend(self.orders(now));
            actions.extend(self.proposal(now));
            self.is_stale = false;
            let others = self.poison.wake_at().min(self.store_budget.wake_at());
            self.wake_at = self.look_again.min(self.watch_at(now)).min(others);
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
