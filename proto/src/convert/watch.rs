//! The requests of watchers and the updates that they receive.

use emberkeep_core::assignment::{Generation, Update};
use emberkeep_core::target::{KeyMode, TargetName};

use super::InvalidMessage;
use super::invalid_message::required;
use super::modes::key_mode_of;
use super::pod::short_text;
use super::slice::generation;
use crate::pb;

/// The longest name of a watcher, in bytes.
pub const WATCHER_LENGTH_MAX: usize = 253;

/// The request of a watcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchStart {
    /// The target whose assignment is watched.
    pub target: TargetName,
    /// The generation of the watcher's assignment.
    pub known: Generation,
    /// The name of the watcher, for logs.
    pub watcher: String,
}

/// One update of a watcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchUpdate {
    /// The full assignment, or a diff.
    pub update: Update,
    /// The conversion of application keys to slice keys.
    pub key_mode: KeyMode,
}

impl TryFrom<pb::WatchRequest> for WatchStart {
    type Error = InvalidMessage;

    fn try_from(wire: pb::WatchRequest) -> Result<Self, InvalidMessage> {
        short_text(&wire.watcher, "watcher", WATCHER_LENGTH_MAX)?;
        Ok(Self {
            target: target_name(&wire.target)?,
            known: generation(wire.known_generation, "known_generation")?,
            watcher: wire.watcher,
        })
    }
}

impl From<&WatchStart> for pb::WatchRequest {
    fn from(start: &WatchStart) -> Self {
        Self {
            target: start.target.as_str().to_owned(),
            known_generation: start.known.number(),
            watcher: start.watcher.clone(),
        }
    }
}

impl TryFrom<pb::WatchResponse> for WatchUpdate {
    type Error = InvalidMessage;

    fn try_from(wire: pb::WatchResponse) -> Result<Self, InvalidMessage> {
        Ok(Self {
            update: required(wire.update, "update")?,
            key_mode: key_mode_of(wire.key_mode)?,
        })
    }
}

impl From<&WatchUpdate> for pb::WatchResponse {
    fn from(update: &WatchUpdate) -> Self {
        Self {
            update: Some((&update.update).into()),
            key_mode: pb::KeyMode::from(update.key_mode).into(),
        }
    }
}

pub(super) fn target_name(name: &str) -> Result<TargetName, InvalidMessage> {
    TargetName::try_new(name).map_err(|error| InvalidMessage::new("target", error))
}
