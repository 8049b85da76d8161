//! The session table: the pods' sessions that are open at the leader.

use std::collections::BTreeMap;

use emberkeep_core::assigner::SessionId;
use emberkeep_core::assignment::Generation;

use super::event::PodConnection;

/// The open sessions, by number and by connection.
#[derive(Debug, Default)]
pub(super) struct SessionTable {
    sessions: BTreeMap<SessionId, SimSession>,
    by_connection: BTreeMap<PodConnection, SessionId>,
    next_session: u64,
}

#[derive(Debug)]
struct SimSession {
    connection: PodConnection,
    /// The newest generation that its pod was sent or registered with.
    known: Generation,
}

impl SessionTable {
    /// Opens a session with a number that was not used before.
    pub(super) fn open(&mut self, connection: PodConnection, known: Generation) -> SessionId {
        let id = SessionId(self.next_session);
        self.next_session += 1;
        self.sessions.insert(id, SimSession { connection, known });
        self.by_connection.insert(connection, id);
        id
    }

    /// The open session of that connection.
    pub(super) fn session_on(&self, connection: PodConnection) -> Option<SessionId> {
        self.by_connection.get(&connection).copied()
    }

    /// The connection of the session, if it is open.
    pub(super) fn connection_of(&self, session: SessionId) -> Option<PodConnection> {
        self.sessions.get(&session).map(|open| open.connection)
    }

    /// Closes the session; returns its connection, if it was open.
    pub(super) fn close(&mut self, session: SessionId) -> Option<PodConnection> {
        let open = self.sessions.remove(&session)?;
        self.by_connection.remove(&open.connection);
        Some(open.connection)
    }

    /// Closes all sessions; returns their connections.
    pub(super) fn clear(&mut self) -> Vec<PodConnection> {
        self.by_connection.clear();
        std::mem::take(&mut self.sessions)
            .into_values()
            .map(|open| open.connection)
            .collect()
    }

    /// The connections of pods with an older generation than `newest`, each with that generation; records `newest` for them.
    pub(super) fn take_outdated(&mut self, newest: Generation) -> Vec<(PodConnection, Generation)> {
        let outdated = self.sessions.values_mut().filter(|open| open.known < newest);
        outdated
            .map(|open| (open.connection, std::mem::replace(&mut open.known, newest)))
            .collect()
    }
}
