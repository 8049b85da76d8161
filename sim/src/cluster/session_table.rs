//! The desk: the sessions that are open to the leader, as the assigner's own desk has them.

use std::collections::BTreeMap;

use emberkeep_core::assigner::SessionId;
use emberkeep_core::assignment::Generation;

use super::event::Line;

/// The open sessions.
#[derive(Debug, Default)]
pub(super) struct Desk {
    sessions: BTreeMap<SessionId, OpenSession>,
    by_line: BTreeMap<Line, SessionId>,
    next_session: u64,
}

#[derive(Debug)]
struct OpenSession {
    line: Line,
    /// The generation that its pod has been sent, or came with.
    known: Generation,
}

impl Desk {
    /// Opens a session with a number that was never used before.
    pub(super) fn open(&mut self, line: Line, known: Generation) -> SessionId {
        let id = SessionId(self.next_session);
        self.next_session += 1;
        self.sessions.insert(id, OpenSession { line, known });
        self.by_line.insert(line, id);
        id
    }

    /// The session on that line, if it is open.
    pub(super) fn session_on(&self, line: Line) -> Option<SessionId> {
        self.by_line.get(&line).copied()
    }

    /// The line of the session, if it is open.
    pub(super) fn line_of(&self, session: SessionId) -> Option<Line> {
        self.sessions.get(&session).map(|open| open.line)
    }

    /// Closes the session; answers on which line it was, if it was open.
    pub(super) fn close(&mut self, session: SessionId) -> Option<Line> {
        let open = self.sessions.remove(&session)?;
        self.by_line.remove(&open.line);
        Some(open.line)
    }

    /// Closes all sessions.
    pub(super) fn clear(&mut self) -> Vec<Line> {
        self.by_line.clear();
        std::mem::take(&mut self.sessions)
            .into_values()
            .map(|open| open.line)
            .collect()
    }

    /// The lines on which less is known than `newest`, each with what is; they are taken to be told.
    pub(super) fn take_untold(&mut self, newest: Generation) -> Vec<(Line, Generation)> {
        let untold = self.sessions.values_mut().filter(|open| open.known < newest);
        untold
            .map(|open| (open.line, std::mem::replace(&mut open.known, newest)))
            .collect()
    }
}
