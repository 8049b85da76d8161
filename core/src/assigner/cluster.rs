//! What every assigner member agrees on, and the changes that Raft replicates.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::target_settings::TargetSettings;
use crate::assignment::{Assignment, AssignmentDiff, DiffError, Generation};
use crate::balancer::Pin;
use crate::keyspace::{Marks, Slice};
use crate::pod::{Incarnation, Pod, PodName};
use crate::target::TargetName;

/// The replicated state: all targets with their settings, pods and assignments. A copy shares what it can.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClusterState {
    targets: BTreeMap<TargetName, Arc<TargetState>>,
}

/// The replicated state of one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetState {
    /// What its owner chose.
    pub settings: TargetSettings,
    /// The pods that are registered; a dead pod is not.
    pub pods: BTreeMap<PodName, PodRecord>,
    /// Who owns what.
    pub assignment: Arc<Assignment>,
    /// Whether an operator has stopped all changes of the assignment.
    pub is_frozen: bool,
    /// Keys that an operator has bound to a pod.
    pub pinned: Marks<PodName>,
    /// Keys whose owners crashed one after the other, until an operator lets them go.
    pub poisoned: Marks<()>,
}

/// The most pins of a target, and the most poisoned parts of its key space.
pub const MARKS_MAX: usize = 1_000;

/// A registered pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodRecord {
    /// The pod, in its newest incarnation.
    pub pod: Pod,
    /// Whether it is to lose all its slices.
    pub is_draining: bool,
}

/// A change of one target: one Raft log entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Which target.
    pub target: TargetName,
    /// What changes.
    pub kind: ChangeKind,
}

/// What changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangeKind {
    /// The target comes into being.
    CreateTarget {
        /// What its owner chose.
        settings: TargetSettings,
    },
    /// The target's owner chose anew.
    ConfigureTarget {
        /// What its owner chose.
        settings: TargetSettings,
    },
    /// A pod registered, or a new incarnation of it.
    RegisterPod {
        /// The pod.
        pod: Pod,
    },
    /// A pod is to lose all its slices.
    DrainPod {
        /// Its name.
        name: PodName,
    },
    /// A pod is gone.
    RemovePod {
        /// Its name.
        name: PodName,
        /// The life that ended; a later one is not touched.
        incarnation: Incarnation,
    },
    /// The assignment changes.
    Assign {
        /// From the newest generation to the next.
        diff: AssignmentDiff,
    },
    /// An operator stops all changes of the assignment, or lets them go on.
    Freeze {
        /// Whether they are stopped from now on.
        is_frozen: bool,
    },
    /// An operator binds keys to a pod; what they were bound to before counts no longer.
    Pin {
        /// Which keys, and to which pod.
        pin: Pin,
    },
    /// An operator lets keys lie where the balancer wants them.
    Unpin {
        /// Which keys.
        slice: Slice,
    },
    /// The owners of these keys crashed one after the other.
    Poison {
        /// Which keys.
        slice: Slice,
    },
    /// An operator says that these keys do no harm any more.
    Release {
        /// Which keys.
        slice: Slice,
    },
}

/// What applying a change did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Applied {
    /// The state has changed.
    Done,
    /// The state was like this already.
    Unchanged,
    /// The change does not fit the state, which stays as it is.
    Rejected(Rejection),
}

/// Why a change does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Error)]
pub enum Rejection {
    /// There is no such target.
    #[error("there is no target {target}")]
    UnknownTarget {
        /// Its name.
        target: TargetName,
    },
    /// There is such a target already.
    #[error("target {target} exists already")]
    TargetExists {
        /// Its name.
        target: TargetName,
    },
    /// The key mode of a target cannot change: every key would lie elsewhere.
    #[error("the key mode of target {target} was fixed when it was created")]
    KeyModeFixed {
        /// Its name.
        target: TargetName,
    },
    /// There is no such pod.
    #[error("target {target} has no pod {pod}")]
    UnknownPod {
        /// The target.
        target: TargetName,
        /// The pod's name.
        pod: PodName,
    },
    /// There are as many pins or poisoned parts as there may be.
    #[error("target {target} has {MARKS_MAX} of them already, take others off first")]
    TooManyMarks {
        /// The target.
        target: TargetName,
    },
    /// The assignment has moved on since the change was decided.
    #[error("the assignment of {target} is at generation {held}, the change was decided for {base}")]
    StaleBase {
        /// The target.
        target: TargetName,
        /// What the change was decided for.
        base: Generation,
        /// What is held.
        held: Generation,
    },
    /// The diff leads to no assignment.
    #[error("the assignment of {target} cannot change like this: {reason}")]
    Inconsistent {
        /// The target.
        target: TargetName,
        /// What is wrong.
        reason: String,
    },
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

    /// Applies one change; the same change on the same state leads every member to the same state.
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
    /// A target without pods.
    #[must_use]
    pub fn new(settings: TargetSettings) -> Self {
        Self {
            settings,
            pods: BTreeMap::new(),
            assignment: Arc::new(Assignment::unassigned()),
            is_frozen: false,
            pinned: Marks::default(),
            poisoned: Marks::default(),
        }
    }

    /// The keys that an operator has bound to a pod.
    pub fn pins(&self) -> impl Iterator<Item = Pin> {
        self.pinned.iter().map(|(slice, pod)| Pin {
            slice: slice.clone(),
            pod: pod.clone(),
        })
    }

    /// Answers whether the state has changed.
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
            ChangeKind::Assign { diff } => self.assign(target, diff),
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

    /// The same incarnation may register again after its session broke; its drain stays.
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
        let is_this_life = self
            .pods
            .get(name)
            .is_some_and(|record| record.pod.incarnation == incarnation);
        is_this_life && self.pods.remove(name).is_some()
    }

    fn assign(&mut self, target: &TargetName, diff: &AssignmentDiff) -> Result<bool, Rejection> {
        match self.assignment.apply(diff) {
            Ok(next) => {
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

/// Changes marks, unless there would be too many.
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

/// Answers whether the new value is another one.
fn replace<T: PartialEq>(place: &mut T, value: T) -> bool {
    let is_other = *place != value;
    *place = value;
    is_other
}
