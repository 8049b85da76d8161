//! Signals: all that the balancer knows beside the assignment.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::move_history::MoveHistory;
use crate::keyspace::{Slice, SliceKey};
use crate::load::LoadMap;
use crate::pod::{Pod, PodName};

/// What is known of pods and load when a decision is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signals {
    /// The live pods; one that is not here is dead.
    pub pods: BTreeMap<PodName, PodSignal>,
    /// Where the load is.
    pub load: LoadMap,
    /// Leaving replicas that have lingered long enough, by the start of their slice and their pod.
    pub lingered: BTreeSet<(SliceKey, PodName)>,
    /// Which new owners are warm.
    pub warm: WarmReplicas,
    /// What may change.
    pub scope: Scope,
    /// What was moved for balance lately.
    pub recent_moves: MoveHistory,
    /// Keys that an operator has bound to a pod; where pins overlap, the last one counts.
    pub pins: Vec<Pin>,
    /// Keys whose owners crashed one after the other.
    pub poisoned: Vec<Slice>,
}

/// Keys that an operator has bound to a pod: it owns them as long as it may own any.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The keys.
    pub slice: Slice,
    /// The pod.
    pub pod: PodName,
}

/// What is known of a live pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodSignal {
    /// The pod in its newest incarnation.
    pub pod: Pod,
    /// Whether it may get slices; a draining pod keeps what it has only until another pod takes over.
    pub may_own: bool,
}

/// Which pods have what they need to serve a slice that they get, or got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WarmReplicas {
    /// All of them: slices switch at once.
    All,
    /// These replicas, by the start of their slice and their pod; all others get ready first.
    Only(BTreeSet<(SliceKey, PodName)>),
}

/// What a decision may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// What pods that came or went require: every slice is owned, pods that joined are filled.
    Repair,
    /// The same, and moves for the sake of balance.
    Balance,
}
