//! The settings of a session, which the assigner sends when it accepts a registration.

use std::time::Duration;

use crate::target::{KeyMode, MisrouteMode};
use crate::warmth::Warmth;

/// The part of the target's settings that its pods follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSettings {
    /// How application keys become slice keys.
    pub key_mode: KeyMode,
    /// Time between two heartbeats.
    pub heartbeat_interval: Duration,
    /// Time between two load reports.
    pub load_report_interval: Duration,
    /// How long a draining pod keeps serving while none of its slices moves.
    pub drain_timeout: Duration,
    /// The part of the old owner's heat, in thousandths, with which a slice is warm enough to be served.
    pub warm_share_thousandths: u32,
    /// What the pod does with a request for a key that another pod owns.
    pub misroute: MisrouteMode,
}

impl Default for SessionSettings {
    /// In force until an assigner accepts the registration.
    fn default() -> Self {
        Self {
            key_mode: KeyMode::Hashed,
            heartbeat_interval: Duration::from_millis(500),
            load_report_interval: Duration::from_secs(1),
            drain_timeout: Duration::from_secs(60),
            warm_share_thousandths: Warmth::WHOLE,
            misroute: MisrouteMode::Redirect,
        }
    }
}
