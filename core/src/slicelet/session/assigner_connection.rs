//! The session's link to the assigner: when to connect, to which member, and when a heartbeat is due.

use std::sync::Arc;
use std::time::Duration;

use crate::slicelet::Reconnect;
use crate::time::Timestamp;

/// The connection to the assigner, and the attempts to open one.
///
/// ```text
/// Waiting --connect_at--> Connecting --Connected--> Up --heartbeat_at--> Up
///    ^                        |                      |
///    +---- ConnectionLost, LeaderHinted, bad diff ---+
/// ```
#[derive(Debug)]
pub(super) struct AssignerConnection {
    state: LinkState,
    reconnect: Reconnect,
    /// The number of the newest connection; 0 before the first one.
    pub(super) connection: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LinkState {
    Waiting { connect_at: Timestamp },
    Connecting,
    Up { heartbeat_at: Timestamp },
}

impl AssignerConnection {
    /// A link that is due to connect at once.
    pub(super) const fn new(reconnect: Reconnect) -> Self {
        Self {
            state: LinkState::Waiting {
                connect_at: Timestamp::ZERO,
            },
            reconnect,
            connection: 0,
        }
    }

    /// Whether events of that connection count. While a link waits, it has given up the last connection.
    pub(super) const fn is_current(&self, connection: u64) -> bool {
        connection == self.connection && !matches!(self.state, LinkState::Waiting { .. })
    }

    pub(super) const fn is_up(&self) -> bool {
        matches!(self.state, LinkState::Up { .. })
    }

    /// ## Connecting -> Up: the registration is accepted, and a heartbeat is due at once
    pub(super) const fn on_connected(&mut self, now: Timestamp) {
        self.reconnect.on_connected();
        self.state = LinkState::Up { heartbeat_at: now };
    }

    /// ## Connecting, Up -> Waiting: the connection is lost or given up
    pub(super) fn on_lost(&mut self, leader: Option<Arc<str>>, now: Timestamp) {
        let connect_at = now + self.reconnect.on_failed(leader);
        self.state = LinkState::Waiting { connect_at };
    }

    /// ## Waiting -> Connecting: the wait is over
    /// The number of the new connection and the assigner's URL.
    pub(super) fn connect_if_due(&mut self, now: Timestamp) -> Option<(u64, Arc<str>)> {
        match self.state {
            LinkState::Waiting { connect_at } if now >= connect_at => {}
            LinkState::Waiting { .. } | LinkState::Connecting | LinkState::Up { .. } => return None,
        }
        let Some(assigner) = self.reconnect.next_assigner() else {
            self.state = LinkState::Waiting {
                connect_at: Timestamp::NEVER,
            };
            return None;
        };
        self.connection += 1;
        self.state = LinkState::Connecting;
        Some((self.connection, assigner))
    }

    /// Makes a heartbeat due, so that the assigner receives a change before the interval is over.
    pub(super) const fn expedite_heartbeat(&mut self, now: Timestamp) {
        if let LinkState::Up { heartbeat_at } = &mut self.state {
            *heartbeat_at = now;
        }
    }

    /// Schedules the next heartbeat if one is due; returns whether one was.
    pub(super) fn take_due_heartbeat(&mut self, interval: Duration, now: Timestamp) -> bool {
        match &mut self.state {
            LinkState::Up { heartbeat_at } if now >= *heartbeat_at => {
                *heartbeat_at = now + interval;
                true
            }
            LinkState::Up { .. } | LinkState::Waiting { .. } | LinkState::Connecting => false,
        }
    }

    pub(super) const fn wake_at(&self) -> Timestamp {
        match self.state {
            LinkState::Waiting { connect_at } => connect_at,
            LinkState::Connecting => Timestamp::NEVER,
            LinkState::Up { heartbeat_at } => heartbeat_at,
        }
    }
}
