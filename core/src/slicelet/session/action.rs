//! The actions of a session.

use std::sync::Arc;

use crate::assignment::Generation;
use crate::keyspace::Slice;
use crate::load::{Load, LoadReport};
use crate::pod::{Pod, PodPhase};
use crate::rate::Rate;
use crate::slicelet::Ownership;
use crate::target::{KeyMode, MisrouteMode};
use crate::warmth::Warmth;

/// A command to the session's hands.
#[derive(Debug, Clone)]
pub enum SessionAction {
    /// Close the current connection, if any, and open another one.
    Connect {
        /// The number that the events of this connection carry.
        connection: u64,
        /// The URL of the assigner.
        assigner: Arc<str>,
        /// The generation to register with; the assigner sends newer assignments.
        known: Generation,
    },
    /// Send a heartbeat to the assigner.
    SendHeartbeat {
        /// Whether the pod is ready or draining.
        phase: PodPhase,
        /// The generation that the pod follows.
        applied: Generation,
        /// How warm the slices are that the assigner waits for.
        warming: Vec<(Slice, Warmth)>,
    },
    /// Warm a slice and report progress by [`SessionEvent::Warmed`](super::SessionEvent::Warmed).
    Pull {
        /// The slice to warm.
        slice: Slice,
        /// The pod that has it warm.
        source: Arc<Pod>,
    },
    /// Stop warming a slice.
    StopPull {
        /// The slice of an earlier [`SessionAction::Pull`].
        slice: Slice,
    },
    /// Close the watches of other pods: an assigner is connected and sends newer assignments than they hold.
    StopPeerWatches,
    /// Take the counts since the last time and then send [`SessionEvent::Counted`](super::SessionEvent::Counted).
    CollectCounts {
        /// Whether the counts of the sketches are halved before their snapshot is taken.
        halves_sketches: bool,
    },
    /// Halve the heat of all warm values.
    CoolValues,
    /// Show the load of the whole pod in its metrics.
    ShowLoad {
        /// The rate with a half-life of 10 s.
        fast: Load,
        /// The rate with a half-life of 60 s.
        slow: Load,
    },
    /// Send the load report.
    SendLoadReport(LoadReport),
    /// Limit the requests to the object store; `None` is no limit.
    LimitStoreRate(Option<Rate>),
    /// Handle requests for keys of other pods in this mode.
    HandleMisroutes(MisrouteMode),
    /// Answer requests by this ownership, then send [`SessionEvent::Published`](super::SessionEvent::Published).
    Publish {
        /// The ownership that replaces the published one.
        ownership: Arc<Ownership>,
        /// How application keys become slice keys.
        key_mode: KeyMode,
    },
    /// The pod may stop: its slices have new owners, or the drain timeout is over.
    Drained {
        /// Whether it still owns slices.
        is_forced: bool,
    },
}
