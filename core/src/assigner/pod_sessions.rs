//! Pod sessions: the slicelets that are connected to this leader.

use std::collections::BTreeMap;

use super::event::SessionId;
use crate::keyspace::Slice;
use crate::pod::{Incarnation, Pod, PodName, PodPhase};
use crate::rate::Rate;

/// The open sessions, at most one for each pod.
#[derive(Debug, Default)]
pub(super) struct PodSessions {
    open: BTreeMap<SessionId, PodSession>,
    by_pod: BTreeMap<PodName, SessionId>,
    /// Replaced sessions that are still to be closed.
    replaced: Vec<SessionId>,
}

/// One open session of a pod.
#[derive(Debug)]
pub(super) struct PodSession {
    pub(super) pod: Pod,
    /// Whether a heartbeat has reported [`PodPhase::Draining`].
    pub(super) is_draining: bool,
    /// The object store requests that it would make; `None` before the first heartbeat.
    pub(super) store_demand: Option<Rate>,
    /// Whether it was permitted to exit.
    is_exit_permitted: bool,
    /// The slices that it was last ordered to warm up.
    ordered: Vec<Slice>,
}

impl PodSessions {
    /// Opens a session; an older one of the same pod is replaced.
    pub(super) fn open(&mut self, id: SessionId, pod: Pod) {
        if let Some(older) = self.by_pod.insert(pod.name.clone(), id) {
            self.open.remove(&older);
            self.replaced.push(older);
        }
        let session = PodSession {
            pod,
            is_draining: false,
            store_demand: None,
            is_exit_permitted: false,
            ordered: Vec::new(),
        };
        self.open.insert(id, session);
    }

    /// Records a heartbeat; `None` for a session that was replaced or closed.
    pub(super) fn on_heartbeat(&mut self, id: SessionId, phase: PodPhase, store_demand: Rate) -> Option<&PodSession> {
        let session = self.open.get_mut(&id)?;
        session.is_draining |= phase == PodPhase::Draining;
        session.store_demand = Some(store_demand);
        Some(session)
    }

    pub(super) fn get(&self, id: SessionId) -> Option<&PodSession> {
        self.open.get(&id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &PodSession> {
        self.open.values()
    }

    /// The session of the pod.
    pub(super) fn of_pod(&self, name: &PodName) -> Option<(SessionId, &PodSession)> {
        let id = *self.by_pod.get(name)?;
        Some((id, self.open.get(&id)?))
    }

    /// Removes a session that was closed; `None` if it was replaced or closed before.
    pub(super) fn close(&mut self, id: SessionId) -> Option<PodSession> {
        let session = self.open.remove(&id)?;
        self.by_pod.remove(&session.pod.name);
        Some(session)
    }

    /// Treats the session of that incarnation of a pod as replaced, although there is no newer one.
    pub(super) fn replace_incarnation(&mut self, name: &PodName, incarnation: Incarnation) {
        let Some(id) = self.by_pod.get(name).copied() else {
            return;
        };
        if self
            .open
            .get(&id)
            .is_some_and(|session| session.pod.incarnation == incarnation)
        {
            self.close(id);
            self.replaced.push(id);
        }
    }

    /// Takes the replaced sessions, which the caller closes.
    pub(super) fn take_replaced(&mut self) -> Vec<SessionId> {
        std::mem::take(&mut self.replaced)
    }

    /// The sessions whose orders differ from their last ones, with the new orders.
    pub(super) fn update_orders(
        &mut self,
        mut orders: impl FnMut(&PodName) -> Vec<Slice>,
    ) -> Vec<(SessionId, Vec<Slice>)> {
        let mut changed = Vec::new();
        for (id, session) in &mut self.open {
            let slices = orders(&session.pod.name);
            if slices != session.ordered {
                session.ordered.clone_from(&slices);
                changed.push((*id, slices));
            }
        }
        changed
    }

    /// Permits the exit of pods that have drained; returns their sessions, each once.
    pub(super) fn permit_exits(&mut self, has_drained: impl Fn(&Pod) -> bool) -> impl Iterator<Item = SessionId> {
        let drained = self
            .open
            .iter_mut()
            .filter(move |(_, session)| !session.is_exit_permitted && has_drained(&session.pod));
        drained.map(|(id, session)| {
            session.is_exit_permitted = true;
            *id
        })
    }
}
