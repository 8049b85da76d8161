//! Signals: the inputs of a decision beside the assignment.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::move_history::MoveHistory;
use super::scope::Scope;
use crate::keyspace::{Slice, SliceKey};
use crate::load::LoadMap;
use crate::pod::{Pod, PodName};

/// The pods, their load and what operators have pinned, when a decision is made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signals {
    /// The live pods; all others are dead.
    pub pods: BTreeMap<PodName, PodSignal>,
    /// The load by key.
    pub load: LoadMap,
    /// Leaving replicas that have lingered long enough, by the start of the slice and the pod.
    pub lingered: BTreeSet<(SliceKey, PodName)>,
    /// The warming replicas that may serve.
    pub warm: WarmReplicas,
    /// The permitted kinds of changes.
    pub scope: Scope,
    /// The moves for balance of the last ten minutes, for budgets and cooldowns.
    pub recent_moves: MoveHistory,
    /// Keys that an operator has pinned; where pins overlap, the last one counts.
    pub pins: Vec<Pin>,
    /// Keys whose owners crashed one after the other.
    pub poisoned: Vec<Slice>,
}

/// Keys that an operator has pinned to a pod, which owns them while it may own slices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields are named by their types")]
pub struct Pin {
    pub slice: Slice,
    pub pod: PodName,
}

/// A live pod, and whether it may own slices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodSignal {
    /// The pod in its newest incarnation.
    pub pod: Pod,
    /// Whether it may own slices; a draining pod keeps its slices only until another pod takes them over.
    pub may_own: bool,
}

/// The warming replicas that may serve.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum WarmReplicas {
    /// All of them: slices switch to their new owners at once.
    #[default]
    All,
    /// These, by the start of the slice and the pod; all others warm up first.
    Only(BTreeSet<(SliceKey, PodName)>),
}
