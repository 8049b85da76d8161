//! The waiting line: tickets in the order in which they were issued, each with its deadline.

use std::collections::{BTreeMap, BTreeSet};

use super::ticket::Ticket;
use crate::time::Timestamp;

/// Tickets with their deadlines, lowest ticket first.
#[derive(Debug, Clone, Default)]
pub(super) struct WaitingLine {
    tickets: BTreeMap<Ticket, Timestamp>,
    /// The same tickets, earliest deadline first.
    deadlines: BTreeSet<(Timestamp, Ticket)>,
}

impl WaitingLine {
    pub(super) fn len(&self) -> usize {
        self.tickets.len()
    }

    /// The ticket to admit next.
    pub(super) fn first(&self) -> Option<Ticket> {
        self.tickets.keys().next().copied()
    }

    /// The ticket that was issued last.
    pub(super) fn last(&self) -> Option<Ticket> {
        self.tickets.keys().next_back().copied()
    }

    /// The earliest deadline; `NEVER` if the line is empty.
    pub(super) fn next_deadline(&self) -> Timestamp {
        self.deadlines
            .first()
            .map_or(Timestamp::NEVER, |(deadline, _)| *deadline)
    }

    pub(super) fn push(&mut self, ticket: Ticket, deadline: Timestamp) {
        let twin = self.tickets.insert(ticket, deadline);
        debug_assert!(twin.is_none(), "{ticket:?} was issued twice");
        self.deadlines.insert((deadline, ticket));
    }

    /// Removes a ticket, if it waits.
    pub(super) fn remove(&mut self, ticket: Ticket) {
        if let Some(deadline) = self.tickets.remove(&ticket) {
            self.deadlines.remove(&(deadline, ticket));
        }
    }

    /// Removes the tickets whose deadline is reached, earliest first.
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
