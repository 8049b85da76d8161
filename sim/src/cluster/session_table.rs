//! The session table: the pods' sessions that are open at the leader.

use std::collections::BTreeMap;

use emberkeep_core::assigner::SessionId;
use emberkeep_core::assignment::Generation;

use super::event::PodLink;

/// The open sessions, by number and by link.
#[derive(Debug, Default)]
pub(super) struct SessionTable {
    sessions: BTreeMap<SessionId, SimSession>,
    by_link: BTreeMap<PodLink, SessionId>,
    next_session: u64,
}

#[derive(Debug)]
struct SimSession {
    link: PodLink,
    /// The newest generation that its pod was sent or registered with.
    known: Generation,
}

impl SessionTable {
    /// Opens a session with a number that was not used before.
    pub(super) fn open(&mut self, link: PodLink, known: Generation) -> SessionId {
        let id = SessionId(self.next_session);
        self.next_session += 1;
        self.sessions.insert(id, SimSession { link, known });
        self.by_link.insert(link, id);
        id
    }

    /// The open session of that link.
    pub(super) fn session_on(&self, link: PodLink) -> Option<SessionId> {
        self.by_link.get(&link).copied()
    }

    /// The link of the session, if it is open.
    pub(super) fn link_of(&self, session: SessionId) -> Option<PodLink> {
        self.sessions.get(&session).map(|open| open.link)
    }

    /// Closes the session; returns its link, if it was open.
    pub(super) fn close(&mut self, session: SessionId) -> Option<PodLink> {
        let open = self.sessions.remove(&session)?;
        self.by_link.remove(&open.link);
        Some(open.link)
    }

    /// Closes all sessions; returns their links.
    pub(super) fn clear(&mut self) -> Vec<PodLink> {
        self.by_link.clear();
        std::mem::take(&mut self.sessions)
            .into_values()
            .map(|open| open.link)
            .collect()
    }

    /// The links of pods with an older generation than `newest`, each with that generation; records `newest` for them.
    pub(super) fn take_outdated(&mut self, newest: Generation) -> Vec<(PodLink, Generation)> {
        let outdated = self.sessions.values_mut().filter(|open| open.known < newest);
        outdated
            .map(|open| (open.link, std::mem::replace(&mut open.known, newest)))
            .collect()
    }
}
