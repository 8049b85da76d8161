//! The session's connection to the assigner: when to connect, to which member, and when a heartbeat is due.

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
    state: ConnectionState,
    reconnect: Reconnect,
    /// The number of the newest connection; 0 before the first one.
    pub(super) number: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConnectionState {
    Waiting { connect_at: Timestamp },
    Connecting,
    Up { heartbeat_at: Timestamp },
}

impl AssignerConnection {
    /// A connection that is opened at the first step.
    pub(super) const fn new(reconnect: Reconnect) -> Self {
        Self {
            state: ConnectionState::Waiting {
                connect_at: Timestamp::ZERO,
            },
            reconnect,
            number: 0,
        }
    }

    /// Whether the connection of that number is in use; events of any other are ignored. In `Waiting`, none is.
    pub(super) const fn is_current(&self, number: u64) -> bool {
        number == self.number && !matches!(self.state, ConnectionState::Waiting { .. })
    }

    pub(super) const fn is_up(&self) -> bool {
        matches!(self.state, ConnectionState::Up { .. })
    }

    /// The registration is accepted, and a heartbeat is due at once.
    pub(super) const fn on_connected(&mut self, now: Timestamp) {
        self.reconnect.on_connected();
        // ## Connecting -> Up
        self.state = ConnectionState::Up { heartbeat_at: now };
    }

    /// The connection is lost or closed. `leader` is the URL of the leading member, if the assigner sent one.
    pub(super) fn on_lost(&mut self, leader: Option<Arc<str>>, now: Timestamp) {
        let connect_at = now + self.reconnect.on_failed(leader);
        // ## Connecting, Up -> Waiting
        self.state = ConnectionState::Waiting { connect_at };
    }

    /// Starts a connection attempt if one is due; returns the number of the new connection and the assigner's URL.
    pub(super) fn connect_if_due(&mut self, now: Timestamp) -> Option<(u64, Arc<str>)> {
        match self.state {
            ConnectionState::Waiting { connect_at } if now >= connect_at => {}
            ConnectionState::Waiting { .. } | ConnectionState::Connecting | ConnectionState::Up { .. } => return None,
        }
        let Some(assigner) = self.reconnect.next_assigner() else {
            // No assigner is configured.
            self.state = ConnectionState::Waiting {
                connect_at: Timestamp::NEVER,
            };
            return None;
        };
        self.number += 1;
        // ## Waiting -> Connecting
        self.state = ConnectionState::Connecting;
        Some((self.number, assigner))
    }

    /// Makes a heartbeat due, so that the assigner receives a change before the interval is over.
    pub(super) const fn expedite_heartbeat(&mut self, now: Timestamp) {
        if let ConnectionState::Up { heartbeat_at } = &mut self.state {
            *heartbeat_at = now;
        }
    }

    /// Schedules the next heartbeat if one is due; returns whether one was.
    pub(super) fn take_due_heartbeat(&mut self, interval: Duration, now: Timestamp) -> bool {
        match &mut self.state {
            ConnectionState::Up { heartbeat_at } if now >= *heartbeat_at => {
                *heartbeat_at = now + interval;
                true
            }
            ConnectionState::Up { .. } | ConnectionState::Waiting { .. } | ConnectionState::Connecting => false,
        }
    }

    pub(super) const fn wake_at(&self) -> Timestamp {
        match self.state {
            ConnectionState::Waiting { connect_at } => connect_at,
            ConnectionState::Connecting => Timestamp::NEVER,
            ConnectionState::Up { heartbeat_at } => heartbeat_at,
        }
    }
}
