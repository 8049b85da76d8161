//! The settings of a session: the part of a target's settings that its pods need.

use std::time::Duration;

use crate::target::{KeyMode, MisrouteMode, OwnershipMode};
use crate::warmth::Warmth;

/// The settings that the assigner sends to a pod after its registration, derived from the settings of the target. Both
/// sides of the wire use this type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSettings {
    /// How application keys become slice keys.
    pub key_mode: KeyMode,
    /// The guarantee about two pods that own the same key.
    pub ownership: OwnershipMode,
    /// The time between two heartbeats of the pod.
    pub heartbeat_interval: Duration,
    /// The time between two load reports of the pod.
    pub load_report_interval: Duration,
    /// How long a draining pod keeps serving while none of its slices moves.
    pub drain_timeout: Duration,
    /// The share of the old owner's heat, in thousandths, from which a slice is warm enough to be served.
    pub warm_share_thousandths: u32,
    /// How the pod handles a request for a key that another pod owns.
    pub misroute: MisrouteMode,
}

impl SessionSettings {
    /// In force until an assigner has answered the registration. The defaults of a target take its intervals and timeout
    /// from here; a pod without an assigner waits for all of the old owner's heat, since it does not know the target's share.
    pub const UNTIL_REGISTERED: Self = Self {
        key_mode: KeyMode::Hashed,
        ownership: OwnershipMode::Affinity,
        heartbeat_interval: Duration::from_millis(500),
        load_report_interval: Duration::from_secs(1),
        drain_timeout: Duration::from_secs(60),
        warm_share_thousandths: Warmth::WHOLE,
        misroute: MisrouteMode::Redirect,
    };
}
