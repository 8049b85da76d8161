//! The waiting line: tickets that wait for their turn, first come first served, each until its deadline.

use std::collections::{BTreeMap, BTreeSet};

use super::ticket::Ticket;
use crate::time::Timestamp;

/// Tickets in the order in which they were drawn.
#[derive(Debug, Clone, Default)]
pub(super) struct WaitingLine {
    tickets: BTreeMap<Ticket, Timestamp>,
    /// The same, whose time is over first in front.
    deadlines: BTreeSet<(Timestamp, Ticket)>,
}

impl WaitingLine {
    pub(super) fn len(&self) -> usize {
        self.tickets.len()
    }

    /// Whose turn is next.
    pub(super) fn first(&self) -> Option<Ticket> {
        self.tickets.keys().next().copied()
    }

    /// Who came last.
    pub(super) fn last(&self) -> Option<Ticket> {
        self.tickets.keys().next_back().copied()
    }

    /// When the first of them gives up.
    pub(super) fn next_deadline(&self) -> Timestamp {
        self.deadlines
            .first()
            .map_or(Timestamp::NEVER, |(deadline, _)| *deadline)
    }

    pub(super) fn push(&mut self, ticket: Ticket, deadline: Timestamp) {
        let twin = self.tickets.insert(ticket, deadline);
        debug_assert!(twin.is_none(), "{ticket:?} was drawn twice");
        self.deadlines.insert((deadline, ticket));
    }

    /// Takes a ticket out, if it waits.
    pub(super) fn remove(&mut self, ticket: Ticket) {
        if let Some(deadline) = self.tickets.remove(&ticket) {
            self.deadlines.remove(&(deadline, ticket));
        }
    }

    /// Takes out those whose deadline has come.
    pub(super) fn take_expired(&mut self, now: Timestamp) -> Vec<Ticket> {
        let mut expired = Vec::new();
        while let Some((deadline, ticket)) = self.deadlines.first().copied().filter(|(deadline, _)| *deadline <= now) {
            self.deadlines.remove(&(deadline, ticket));
            self.tickets.remove(&ticket);
            expired.push(ticket);
        }
        expired
    }
}
