//! The brain of a pod's session with the assigner.

mod action;
mod assigner_connection;
mod drain;
mod event;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::pulls::{OrderedPulls, PullCommand};
use super::{Hottest, Identity, Metering, Ownership, RangeCounts, Reconnect};
use crate::assignment::{Assignment, Generation, Update};
use crate::brain::{Brain, Output};
use crate::keyspace::Slice;
use crate::pod::{Pod, PodAddress};
use crate::session_settings::SessionSettings;
use crate::target::KeyMode;
use crate::time::Timestamp;
use crate::warmth::Warmth;
pub use action::SessionAction;
use assigner_connection::AssignerConnection;
use drain::Drain;
pub use event::SessionEvent;

/// Keeps one session with the leading assigner: registers, sends heartbeats and load reports, follows assignments, warms
/// slices and drains. Without an assigner the pod continues to serve its slices.
///
/// ```text
/// CollectCounts --> Counted ---> ShowLoad, SendLoadReport            every load report interval
/// UpdateReceived --> Publish --> Published                           counts of the replaced ownership
/// WarmingOrdered --> Pull -----> Warmed ------------> SendHeartbeat  at once when a slice is warm enough
/// DrainRequested --> SendHeartbeat (Draining) ------> Drained
/// ```
#[derive(Debug)]
pub struct Session {
    identity: Identity,
    address: PodAddress,
    settings: SessionSettings,
    connection: AssignerConnection,
    ownership: Arc<Ownership>,
    /// Whether a diff did not apply, so that the next registration requests the whole assignment.
    needs_full: bool,
    pulls: OrderedPulls,
    metering: Metering,
    collect_at: Timestamp,
    drain: Drain,
}

impl Session {
    /// A session of `pod` that starts at `now`; its first step opens a connection.
    #[must_use]
    pub fn new(pod: &Pod, reconnect: Reconnect, now: Timestamp) -> Self {
        Self {
            identity: Identity {
                name: pod.name.clone(),
                incarnation: pod.incarnation,
            },
            address: pod.address.clone(),
            settings: SessionSettings::UNTIL_REGISTERED,
            connection: AssignerConnection::new(reconnect),
            ownership: Arc::new(Ownership::none()),
            needs_full: false,
            pulls: OrderedPulls::default(),
            metering: Metering::new(now),
            collect_at: Timestamp::ZERO,
            drain: Drain::NotRequested,
        }
    }

    /// The load measured since the session started.
    #[must_use]
    pub const fn metering(&self) -> &Metering {
        &self.metering
    }

    fn apply(&mut self, event: SessionEvent, now: Timestamp) -> Vec<SessionAction> {
        match event {
            // ## Connecting -> Up: the registration is accepted
            SessionEvent::Connected { connection, settings } if self.connection.is_current(connection) => {
                self.on_connected(settings, now)
            }
            // ## Connecting, Up -> Waiting: the connection is lost, or another member leads
            SessionEvent::ConnectionLost { connection } if self.connection.is_current(connection) => {
                self.on_lost(None, now)
            }
            SessionEvent::LeaderHinted { connection, leader } if self.connection.is_current(connection) => {
                self.on_lost(Some(leader), now)
            }
            // ## Assignments, from the assigner or, without one, from other pods
            SessionEvent::UpdateReceived { connection, update } if self.connection.is_current(connection) => {
                self.on_update(update, now)
            }
            SessionEvent::PeerAssignmentReceived { assignment, key_mode } => {
                self.on_peer_assignment(assignment, key_mode, now)
            }
            SessionEvent::Published { counts } => self.on_published(&counts),
            // ## Warming
            SessionEvent::WarmingOrdered { connection, slices } if self.connection.is_current(connection) => {
                self.pulls.on_ordered(slices);
                self.update_pulls(now)
            }
            SessionEvent::Warmed { slice, warmth } => self.on_warmed(&slice, warmth, now),
            // ## Load
            SessionEvent::Counted {
                counts,
                sketches,
                memory,
            } => self.on_counted(&counts, &sketches, memory),
            SessionEvent::StoreGranted { connection, rate } if self.connection.is_current(connection) => {
                vec![SessionAction::LimitStoreRate(rate)]
            }
            // ## Drain: NotRequested -> Requested, or -> Done because the assigner permits the exit
            SessionEvent::DrainRequested => self.on_drain_requested(now),
            SessionEvent::MayExitReceived { connection } if self.connection.is_current(connection) => {
                self.finish_drain(false).into_iter().collect()
            }
            SessionEvent::Woke
            | SessionEvent::Connected { .. }
            | SessionEvent::ConnectionLost { .. }
            | SessionEvent::LeaderHinted { .. }
            | SessionEvent::UpdateReceived { .. }
            | SessionEvent::MayExitReceived { .. }
            | SessionEvent::WarmingOrdered { .. }
            | SessionEvent::StoreGranted { .. } => Vec::new(),
        }
    }

    fn on_connected(&mut self, settings: SessionSettings, now: Timestamp) -> Vec<SessionAction> {
        let before = std::mem::replace(&mut self.settings, settings);
        self.connection.on_connected(now);
        let misroute = Some(self.settings.misroute).filter(|mode| *mode != before.misroute);
        let handle = misroute.map(SessionAction::HandleMisroutes);
        std::iter::once(SessionAction::StopPeerWatches).chain(handle).collect()
    }

    fn on_lost(&mut self, leader: Option<Arc<str>>, now: Timestamp) -> Vec<SessionAction> {
        self.connection.on_lost(leader, now);
        Vec::new()
    }

    fn on_update(&mut self, update: Update, now: Timestamp) -> Vec<SessionAction> {
        let held = self.ownership.assignment();
        let next = match update {
            Update::Full(assignment) => Ok(assignment),
            Update::Diff(diff) if diff.generation <= held.generation() => return Vec::new(),
            Update::Diff(diff) => held.apply(&diff).map(Arc::new),
        };
        match next {
            Ok(assignment) => {
                self.needs_full = false;
                if assignment.generation() <= self.ownership.generation() {
                    return Vec::new();
                }
                self.adopt(assignment, &self.identity.clone(), now)
            }
            // ## Up -> Waiting: a diff to an assignment that is not held; the next registration requests the whole
            Err(_) => {
                self.needs_full = true;
                self.on_lost(None, now)
            }
        }
    }

    /// Until an assigner is connected, a starting pod follows the assignment that its peers hold. Slices assigned to an
    /// earlier incarnation of it at the same address become its own: that process has ended, or this one could not
    /// listen there, so no other pod serves them.
    fn on_peer_assignment(
        &mut self,
        assignment: Arc<Assignment>,
        key_mode: KeyMode,
        now: Timestamp,
    ) -> Vec<SessionAction> {
        let is_newer = assignment.generation() > self.ownership.generation();
        if !is_newer || self.connection.is_up() {
            return Vec::new();
        }
        let earlier = assignment
            .index_of(&self.identity.name)
            .map(|index| assignment.pod(index));
        let earlier = earlier.filter(|earlier| earlier.address == self.address);
        let identity = Identity {
            name: self.identity.name.clone(),
            incarnation: earlier.map_or(self.identity.incarnation, |earlier| earlier.incarnation),
        };
        self.settings.key_mode = key_mode;
        self.adopt(assignment, &identity, now)
    }

    /// Publishes the ownership of `identity` under the assignment, and updates the pulls.
    fn adopt(&mut self, assignment: Arc<Assignment>, identity: &Identity, now: Timestamp) -> Vec<SessionAction> {
        let next = self.ownership.followed_by(assignment, identity);
        if next.served_count() < self.ownership.served_count() {
            self.drain.on_slice_moved(now);
        }
        self.ownership = Arc::new(next);
        self.connection.expedite_heartbeat(now);
        let publish = SessionAction::Publish {
            ownership: Arc::clone(&self.ownership),
            key_mode: self.settings.key_mode,
        };
        std::iter::once(publish).chain(self.update_pulls(now)).collect()
    }

    /// The counts belong to the ownership that was replaced.
    fn on_published(&mut self, counts: &RangeCounts) -> Vec<SessionAction> {
        self.metering.on_published(counts, Arc::clone(&self.ownership));
        Vec::new()
    }

    fn on_warmed(&mut self, slice: &Slice, warmth: Warmth, now: Timestamp) -> Vec<SessionAction> {
        let enough = self.settings.warm_share_thousandths;
        if self.pulls.on_warmed(slice, warmth, enough) {
            self.connection.expedite_heartbeat(now);
        }
        Vec::new()
    }

    fn on_drain_requested(&mut self, now: Timestamp) -> Vec<SessionAction> {
        if self.drain.request(now) {
            self.connection.expedite_heartbeat(now);
        }
        Vec::new()
    }

    /// Starts the pulls that are ordered, and stops those of slices in which the pod has no share any more.
    fn update_pulls(&mut self, now: Timestamp) -> Vec<SessionAction> {
        let commands = self.pulls.follow(&self.ownership);
        if !self.pulls.report(&self.ownership).is_empty() {
            self.connection.expedite_heartbeat(now);
        }
        let action = |command| match command {
            PullCommand::Start { slice, source } => SessionAction::Pull { slice, source },
            PullCommand::Stop { slice } => SessionAction::StopPull { slice },
        };
        commands.into_iter().map(action).collect()
    }

    /// Load is measured without an assigner too; only the report needs one.
    fn on_counted(
        &mut self,
        counts: &RangeCounts,
        sketches: &[Hottest],
        memory: Option<Vec<u64>>,
    ) -> Vec<SessionAction> {
        self.metering.on_counted(counts, sketches);
        if let Some(bytes) = memory {
            self.metering.on_weighed(bytes);
        }
        let show = SessionAction::ShowLoad {
            fast: self.metering.fast(),
            slow: self.metering.slow(),
        };
        let report = self.connection.is_up().then(|| self.metering.report());
        let send = report.map(SessionAction::SendLoadReport);
        std::iter::once(show).chain(send).collect()
    }

    /// The actions that are due at `now`, regardless of the event.
    fn due(&mut self, now: Timestamp) -> Vec<SessionAction> {
        let mut actions = Vec::new();
        actions.extend(self.connect_if_due(now));
        actions.extend(self.heartbeat_if_due(now));
        actions.extend(self.collect_if_due(now));
        if now >= self.drain_ends_at() {
            actions.extend(self.finish_drain(!self.ownership.is_empty()));
        }
        actions
    }

    fn connect_if_due(&mut self, now: Timestamp) -> Option<SessionAction> {
        let (connection, assigner) = self.connection.connect_if_due(now)?;
        let held = self.ownership.generation();
        Some(SessionAction::Connect {
            connection,
            assigner,
            known: if self.needs_full { Generation::NONE } else { held },
        })
    }

    fn heartbeat_if_due(&mut self, now: Timestamp) -> Option<SessionAction> {
        let is_due = self
            .connection
            .take_due_heartbeat(self.settings.heartbeat_interval, now);
        is_due.then(|| SessionAction::SendHeartbeat {
            phase: self.drain.phase(),
            applied: self.ownership.generation(),
            warming: self.pulls.report(&self.ownership),
        })
    }

    fn collect_if_due(&mut self, now: Timestamp) -> Vec<SessionAction> {
        if now < self.collect_at {
            return Vec::new();
        }
        self.collect_at = now + self.settings.load_report_interval;
        let collection = self.metering.begin_collection(now);
        let halves_sketches = collection.halves_sketches;
        let cool = collection.cools_values.then_some(SessionAction::CoolValues);
        std::iter::once(SessionAction::CollectCounts { halves_sketches })
            .chain(cool)
            .collect()
    }

    fn finish_drain(&mut self, is_forced: bool) -> Option<SessionAction> {
        self.drain.finish().then_some(SessionAction::Drained { is_forced })
    }

    fn drain_ends_at(&self) -> Timestamp {
        self.drain
            .ends_at(self.ownership.is_empty(), self.settings.drain_timeout)
    }

    fn wake_at(&self) -> Timestamp {
        self.connection.wake_at().min(self.collect_at).min(self.drain_ends_at())
    }
}

impl Brain for Session {
    type Event = SessionEvent;
    type Action = SessionAction;

    fn step(&mut self, event: SessionEvent, now: Timestamp) -> Output<SessionAction> {
        let mut actions = self.apply(event, now);
        actions.extend(self.due(now));
        Output {
            actions,
            wake_at: self.wake_at(),
        }
    }

    fn woke() -> SessionEvent {
        SessionEvent::Woke
    }
}
