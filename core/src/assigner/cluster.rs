//! The cluster state that Raft replicates to every assigner member, and its changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::decision_history::{AppliedDecision, DecisionHistory};
use super::target_settings::TargetSettings;
use crate::assignment::{Assignment, AssignmentDiff, DiffError, Generation};
use crate::balancer::{DecisionReport, Pin};
use crate::keyspace::{Marks, Slice};
use crate::pod::{Incarnation, Pod, PodName};
use crate::target::TargetName;

/// The replicated state of all targets. Copies share targets that have not changed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClusterState {
    targets: BTreeMap<TargetName, Arc<TargetState>>,
}

/// The replicated state of one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetState {
    /// Chosen by the owner of the target.
    pub settings: TargetSettings,
    /// The registered pods; dead pods are removed.
    pub pods: BTreeMap<PodName, PodRecord>,
    /// The owners of all slices, as of the last decision.
    pub assignment: Arc<Assignment>,
    /// The last decisions, with their reasons.
    pub decisions: Arc<DecisionHistory>,
    /// Whether an operator has frozen the assignment.
    pub is_frozen: bool,
    /// Keys that an operator has pinned to a pod.
    pub pinned: Marks<PodName>,
    /// Keys whose owners crashed one after the other, until they are released.
    pub poisoned: Marks<()>,
}

/// The most pinned ranges of a target, and the most poisoned ones.
pub const MARKS_MAX: usize = 1_000;

/// A registered pod, and whether it drains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodRecord {
    /// The pod, in its newest incarnation.
    pub pod: Pod,
    /// Whether all its slices must move to other pods.
    pub is_draining: bool,
}

/// A change of one target: one Raft log entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields are named by their types")]
pub struct Change {
    pub target: TargetName,
    pub kind: ChangeKind,
}

/// A change of one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields are named by their types")]
pub enum ChangeKind {
    /// The target is created.
    CreateTarget { settings: TargetSettings },
    /// The settings of the target are replaced.
    ConfigureTarget { settings: TargetSettings },
    /// A pod registered, or a new incarnation of it.
    RegisterPod { pod: Pod },
    /// A pod drains: all its slices move to other pods.
    DrainPod { name: PodName },
    /// A pod is dead.
    RemovePod {
        name: PodName,
        /// The incarnation that died; a later one stays registered.
        incarnation: Incarnation,
    },
    /// A decision: the assignment moves on to the next generation.
    Assign {
        /// From the newest generation to the next one.
        diff: AssignmentDiff,
        /// The reasons. The time in it is of the leader's clock, which begins at its wall clock.
        report: Arc<DecisionReport>,
    },
    /// An operator freezes or unfreezes the assignment.
    Freeze {
        /// Whether it is frozen from now on.
        is_frozen: bool,
    },
    /// An operator pins keys to a pod; earlier pins of the same keys are replaced.
    Pin { pin: Pin },
    /// An operator removes the pins of keys.
    Unpin { slice: Slice },
    /// The owners of these keys crashed one after the other.
    Poison { slice: Slice },
    /// Poisoned keys are treated as ordinary ones again.
    Release { slice: Slice },
}

/// The effect of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Applied {
    /// The state has changed.
    Done,
    /// The state already has the values of the change.
    Unchanged,
    /// The change does not fit the state, which is unchanged.
    Rejected(Rejection),
}

/// The conflict of a change with the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Error)]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum Rejection {
    /// The target does not exist.
    #[error("there is no target {target}")]
    UnknownTarget { target: TargetName },
    /// The target to be created exists already.
    #[error("target {target} exists already")]
    TargetExists { target: TargetName },
    /// The key mode of a target cannot change: every key would get another slice key.
    #[error("the key mode of target {target} was fixed when it was created")]
    KeyModeFixed { target: TargetName },
    /// The pod is not registered.
    #[error("target {target} has no pod {pod}")]
    UnknownPod { target: TargetName, pod: PodName },
    /// The target has [`MARKS_MAX`] pinned or poisoned ranges.
    #[error(
        "target {target} has the most pinned or poisoned ranges already, {MARKS_MAX}: unpin or release others first"
    )]
    TooManyMarks { target: TargetName },
    /// The decision was made for an earlier generation of the assignment.
    #[error("the assignment of {target} is at generation {held}, the change was decided for {base}")]
    StaleBase {
        target: TargetName,
        base: Generation,
        held: Generation,
    },
    /// The diff does not lead to a valid assignment.
    #[error("the change does not lead to a valid assignment of {target}: {reason}")]
    Inconsistent { target: TargetName, reason: String },
}

impl ClusterState {
    /// The targets by name.
    #[must_use]
    pub const fn targets(&self) -> &BTreeMap<TargetName, Arc<TargetState>> {
        &self.targets
    }

    /// The target of that name.
    #[must_use]
    pub fn target(&self, name: &TargetName) -> Option<&Arc<TargetState>> {
        self.targets.get(name)
    }

    /// Applies one change. Deterministic: every member reaches the same state by the same changes.
    pub fn apply(&mut self, change: &Change) -> Applied {
        let name = &change.target;
        let outcome = match (self.targets.get_mut(name), &change.kind) {
            (None, ChangeKind::CreateTarget { settings }) => {
                self.targets
                    .insert(name.clone(), Arc::new(TargetState::new(settings.clone())));
                Ok(true)
            }
            (None, _) => Err(Rejection::UnknownTarget { target: name.clone() }),
            (Some(_), ChangeKind::CreateTarget { .. }) => Err(Rejection::TargetExists { target: name.clone() }),
            (Some(state), kind) => Arc::make_mut(state).apply(name, kind),
        };
        match outcome {
            Ok(true) => Applied::Done,
            Ok(false) => Applied::Unchanged,
            Err(rejection) => Applied::Rejected(rejection),
        }
    }
}

impl TargetState {
    /// A new target, without pods.
    #[must_use]
    pub fn new(settings: TargetSettings) -> Self {
        Self {
            settings,
            pods: BTreeMap::new(),
            assignment: Arc::new(Assignment::unassigned()),
            decisions: Arc::default(),
            is_frozen: false,
            pinned: Marks::default(),
            poisoned: Marks::default(),
        }
    }

    /// The pinned ranges, in key order.
    pub fn pins(&self) -> impl Iterator<Item = Pin> {
        self.pinned.iter().map(|(slice, pod)| Pin {
            slice: slice.clone(),
            pod: pod.clone(),
        })
    }

    /// Returns whether the state has changed.
    fn apply(&mut self, target: &TargetName, change: &ChangeKind) -> Result<bool, Rejection> {
        match change {
            ChangeKind::CreateTarget { .. } => Err(Rejection::TargetExists { target: target.clone() }),
            ChangeKind::ConfigureTarget { settings } if settings.key_mode != self.settings.key_mode => {
                Err(Rejection::KeyModeFixed { target: target.clone() })
            }
            ChangeKind::ConfigureTarget { settings } => Ok(replace(&mut self.settings, settings.clone())),
            ChangeKind::RegisterPod { pod } => Ok(self.register(pod)),
            ChangeKind::DrainPod { name } => match self.pods.get_mut(name) {
                Some(record) => Ok(replace(&mut record.is_draining, true)),
                None => Err(unknown_pod(target, name)),
            },
            ChangeKind::RemovePod { name, incarnation } => Ok(self.remove(name, *incarnation)),
            ChangeKind::Assign { diff, report } => self.assign(target, diff, report),
            ChangeKind::Freeze { is_frozen } => Ok(replace(&mut self.is_frozen, *is_frozen)),
            ChangeKind::Pin { pin } if !self.pods.contains_key(&pin.pod) => Err(unknown_pod(target, &pin.pod)),
            ChangeKind::Pin { pin } => marked(&mut self.pinned, target, |pinned| {
                pinned.set(&pin.slice, pin.pod.clone())
            }),
            ChangeKind::Unpin { slice } => marked(&mut self.pinned, target, |pinned| pinned.clear(slice)),
            ChangeKind::Poison { slice } => marked(&mut self.poisoned, target, |poisoned| poisoned.set(slice, ())),
            ChangeKind::Release { slice } => marked(&mut self.poisoned, target, |poisoned| poisoned.clear(slice)),
        }
    }

    /// Registers a pod. The same incarnation registers again after it lost its session; then it keeps draining.
    fn register(&mut self, pod: &Pod) -> bool {
        let known = self.pods.get(&pod.name);
        let is_draining = known.is_some_and(|record| record.is_draining && record.pod.incarnation == pod.incarnation);
        let record = PodRecord {
            pod: pod.clone(),
            is_draining,
        };
        let is_new = known != Some(&record);
        self.pods.insert(pod.name.clone(), record);
        is_new
    }

    fn remove(&mut self, name: &PodName, incarnation: Incarnation) -> bool {
        let is_same = self
            .pods
            .get(name)
            .is_some_and(|record| record.pod.incarnation == incarnation);
        is_same && self.pods.remove(name).is_some()
    }

    fn assign(
        &mut self,
        target: &TargetName,
        diff: &AssignmentDiff,
        report: &Arc<DecisionReport>,
    ) -> Result<bool, Rejection> {
        match self.assignment.apply(diff) {
            Ok(next) => {
                Arc::make_mut(&mut self.decisions).push(AppliedDecision {
                    generation: next.generation(),
                    report: Arc::clone(report),
                });
                self.assignment = Arc::new(next);
                Ok(true)
            }
            Err(DiffError::WrongBase { base, held }) => Err(Rejection::StaleBase {
                target: target.clone(),
                base,
                held,
            }),
            Err(error @ (DiffError::Backwards { .. } | DiffError::Misaligned { .. } | DiffError::Inconsistent(_))) => {
                Err(Rejection::Inconsistent {
                    target: target.clone(),
                    reason: error.to_string(),
                })
            }
        }
    }
}

fn unknown_pod(target: &TargetName, pod: &PodName) -> Rejection {
    Rejection::UnknownPod {
        target: target.clone(),
        pod: pod.clone(),
    }
}

/// Applies a change of marked ranges unless there would be too many; returns whether it changed any.
fn marked<T: Clone + PartialEq>(
    marks: &mut Marks<T>,
    target: &TargetName,
    change: impl FnOnce(&mut Marks<T>),
) -> Result<bool, Rejection> {
    let mut next = marks.clone();
    change(&mut next);
    if next.len() > MARKS_MAX && next.len() > marks.len() {
        return Err(Rejection::TooManyMarks { target: target.clone() });
    }
    Ok(replace(marks, next))
}

/// Replaces a value; returns whether the new one differs.
fn replace<T: PartialEq>(place: &mut T, value: T) -> bool {
    let is_other = *place != value;
    *place = value;
    is_other
}
