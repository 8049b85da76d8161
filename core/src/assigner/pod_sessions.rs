//! Sessions: the slicelets that are connected to this leader.

use std::collections::BTreeMap;

use super::event::SessionId;
use crate::keyspace::Slice;
use crate::pod::{Incarnation, Pod, PodName, PodPhase};
use crate::rate::Rate;

/// The open sessions, one a pod.
#[derive(Debug, Default)]
pub(super) struct PodSessions {
    open: BTreeMap<SessionId, PodSession>,
    by_pod: BTreeMap<PodName, SessionId>,
    /// Forgotten here, but still to be closed.
    replaced: Vec<SessionId>,
}

/// One open session.
#[derive(Debug)]
pub(super) struct PodSession {
    pub(super) pod: Pod,
    /// Whether it wants to stop.
    pub(super) is_draining: bool,
    /// How many requests of the object store it would make, once it has said so.
    pub(super) store_demand: Option<Rate>,
    /// Whether it was told that it may.
    may_exit: bool,
    /// The slices that it was told to get ready.
    told_to_warm: Vec<Slice>,
}

impl PodSessions {
    /// Takes in a new session; it replaces an older one of the same pod.
    pub(super) fn open(&mut self, id: SessionId, pod: Pod) {
        if let Some(older) = self.by_pod.insert(pod.name.clone(), id) {
            self.open.remove(&older);
            self.replaced.push(older);
        }
        let session = PodSession {
            pod,
            is_draining: false,
            store_demand: None,
            may_exit: false,
            told_to_warm: Vec::new(),
        };
        self.open.insert(id, session);
    }

    /// Notes a heartbeat; `None` for a session that has been replaced or closed.
    pub(super) fn heartbeat(&mut self, id: SessionId, phase: PodPhase, store_demand: Rate) -> Option<&PodSession> {
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

    /// The session of that pod.
    pub(super) fn of_pod(&self, name: &PodName) -> Option<(SessionId, &PodSession)> {
        let id = *self.by_pod.get(name)?;
        Some((id, self.open.get(&id)?))
    }

    /// Forgets a session; `None` if it was replaced or closed before.
    pub(super) fn close(&mut self, id: SessionId) -> Option<PodSession> {
        let session = self.open.remove(&id)?;
        self.by_pod.remove(&session.pod.name);
        Some(session)
    }

    /// Forgets the session of that life of a pod.
    pub(super) fn replace_life(&mut self, name: &PodName, incarnation: Incarnation) {
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

    /// The sessions that are to be closed.
    pub(super) fn take_replaced(&mut self) -> Vec<SessionId> {
        std::mem::take(&mut self.replaced)
    }

    /// The sessions whose pods are to get other slices ready than they were told, with those.
    pub(super) fn warm(&mut self, mut orders: impl FnMut(&PodName) -> Vec<Slice>) -> Vec<(SessionId, Vec<Slice>)> {
        let mut news = Vec::new();
        for (id, session) in &mut self.open {
            let slices = orders(&session.pod.name);
            if slices != session.told_to_warm {
                session.told_to_warm.clone_from(&slices);
                news.push((*id, slices));
            }
        }
        news
    }

    /// The sessions whose pod has drained and that have not been told so yet.
    pub(super) fn let_exit(&mut self, has_drained: impl Fn(&Pod) -> bool) -> impl Iterator<Item = SessionId> {
        let untold = self
            .open
            .iter_mut()
            .filter(move |(_, session)| !session.may_exit && has_drained(&session.pod));
        untold.map(|(id, session)| {
            session.may_exit = true;
            *id
        })
    }
}
