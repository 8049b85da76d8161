//! What watchers ask for and what they are told.

use emberkeep_core::assignment::{Generation, Update};
use emberkeep_core::target::{KeyMode, TargetName};

use super::InvalidMessage;
use super::invalid_message::required;
use super::modes::key_mode_of;
use super::pod::short_text;
use super::slice::generation;
use crate::pb;

/// The longest name that a watcher may give itself, in bytes.
pub const WATCHER_LENGTH_MAX: usize = 253;

/// How a watch starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchStart {
    /// Whose assignment is watched.
    pub target: TargetName,
    /// The generation that the watcher holds.
    pub known: Generation,
    /// Who asks, for logs.
    pub watcher: String,
}

/// What a watcher is told at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchUpdate {
    /// The whole, or what changed.
    pub update: Update,
    /// How application keys become slice keys.
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
    fn from(told: &WatchUpdate) -> Self {
        Self {
            update: Some((&told.update).into()),
            key_mode: pb::KeyMode::from(told.key_mode).into(),
        }
    }
}

pub(super) fn target_name(name: &str) -> Result<TargetName, InvalidMessage> {
    TargetName::try_new(name).map_err(|error| InvalidMessage::new("target", error))
}
