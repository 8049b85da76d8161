//! Incidents: what happened to a target, for operators who follow it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use super::cluster::{PodRecord, TargetState};
use super::decision_history::{AppliedDecision, DecisionHistory};
use super::trouble::Alarm;
use crate::keyspace::{Marks, Slice};
use crate::pod::{PodAddress, PodName};
use crate::time::Timestamp;

/// The most incidents that are kept; older ones are dropped.
const INCIDENTS_MAX: usize = 1_000;

/// A change that an operator may want to know of: a decision, or a change of pods, target or alarms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// Counts the incidents of this leader from 1.
    pub number: u64,
    /// When the leader learned of it.
    pub at: Timestamp,
    /// What happened, with its facts.
    pub kind: IncidentKind,
}

/// The kinds of incidents.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named by their types")]
pub enum IncidentKind {
    /// This leader began to decide for the target; of the time before it knows only the decisions.
    LeaderStarted,
    /// A decision took effect.
    Decided(AppliedDecision),
    PodJoined {
        pod: PodName,
        address: PodAddress,
    },
    /// A new process of a pod replaced the old one.
    PodRestarted {
        pod: PodName,
        address: PodAddress,
    },
    PodDraining {
        pod: PodName,
    },
    /// A pod was declared dead.
    PodDied {
        pod: PodName,
    },
    /// A draining pod ended.
    PodLeft {
        pod: PodName,
    },
    Frozen {
        is_frozen: bool,
    },
    Poisoned {
        slice: Slice,
    },
    Released {
        slice: Slice,
    },
    Configured,
    /// Many pods failed at once, or that is over.
    MassFailure {
        is_active: bool,
    },
    /// The number of pods that get no slices because they died repeatedly has changed.
    HeldBack {
        count: usize,
    },
}

/// The last incidents, oldest first.
#[derive(Debug)]
pub(super) struct IncidentLog {
    incidents: VecDeque<Arc<Incident>>,
    last_number: u64,
}

impl IncidentLog {
    /// Begins with the decisions of earlier leaders, whose clocks may be ahead of this one.
    pub(super) fn new(earlier: &DecisionHistory, now: Timestamp) -> Self {
        let mut log = Self {
            incidents: VecDeque::new(),
            last_number: 0,
        };
        for decided in earlier.iter() {
            let at = decided.report.decided_at.min(now);
            log.push(IncidentKind::Decided(decided.clone()), at);
        }
        log.push(IncidentKind::LeaderStarted, now);
        log
    }

    /// The incidents after the one with this number, oldest first.
    pub(super) fn after(&self, number: u64) -> Vec<Arc<Incident>> {
        let first = self.incidents.partition_point(|incident| incident.number <= number);
        self.incidents.range(first..).cloned().collect()
    }

    pub(super) fn on_decision(&mut self, decided: Option<AppliedDecision>, now: Timestamp) {
        if let Some(decided) = decided {
            self.push(IncidentKind::Decided(decided), now);
        }
    }

    pub(super) fn on_alarm(&mut self, before: Alarm, after: Alarm, now: Timestamp) {
        if before.is_mass_failure != after.is_mass_failure {
            let is_active = after.is_mass_failure;
            self.push(IncidentKind::MassFailure { is_active }, now);
        }
        if before.held_back_count != after.held_back_count {
            let count = after.held_back_count;
            self.push(IncidentKind::HeldBack { count }, now);
        }
    }

    /// Compares the replicated state before and after a change.
    pub(super) fn observe(&mut self, before: &TargetState, after: &TargetState, now: Timestamp) {
        if before.pods != after.pods {
            self.observe_pods(before, after, now);
        }
        if before.is_frozen != after.is_frozen {
            let is_frozen = after.is_frozen;
            self.push(IncidentKind::Frozen { is_frozen }, now);
        }
        for slice in added(&before.poisoned, &after.poisoned) {
            self.push(IncidentKind::Poisoned { slice }, now);
        }
        for slice in added(&after.poisoned, &before.poisoned) {
            self.push(IncidentKind::Released { slice }, now);
        }
        if before.settings != after.settings {
            self.push(IncidentKind::Configured, now);
        }
    }

    fn observe_pods(&mut self, before: &TargetState, after: &TargetState, now: Timestamp) {
        for (pod, ended) in &before.pods {
            if !after.pods.contains_key(pod) {
                let pod = pod.clone();
                let kind = match ended.is_draining {
                    true => IncidentKind::PodLeft { pod },
                    false => IncidentKind::PodDied { pod },
                };
                self.push(kind, now);
            }
        }
        for (pod, record) in &after.pods {
            for kind in pod_changes(pod, before.pods.get(pod), record) {
                self.push(kind, now);
            }
        }
    }

    fn push(&mut self, kind: IncidentKind, now: Timestamp) {
        self.last_number += 1;
        if self.incidents.len() >= INCIDENTS_MAX {
            self.incidents.pop_front();
        }
        self.incidents.push_back(Arc::new(Incident {
            number: self.last_number,
            at: now,
            kind,
        }));
    }
}

fn pod_changes(pod: &PodName, before: Option<&PodRecord>, after: &PodRecord) -> Vec<IncidentKind> {
    let (pod, address) = (pod.clone(), after.pod.address.clone());
    let is_same = |before: &&PodRecord| before.pod.incarnation == after.pod.incarnation;
    let same = before.filter(is_same);
    let mut changes = Vec::new();
    match (before, same) {
        (_, Some(_)) => {}
        (None, None) => changes.push(IncidentKind::PodJoined {
            pod: pod.clone(),
            address,
        }),
        (Some(_), None) => changes.push(IncidentKind::PodRestarted {
            pod: pod.clone(),
            address,
        }),
    }
    if after.is_draining && !same.is_some_and(|before| before.is_draining) {
        changes.push(IncidentKind::PodDraining { pod });
    }
    changes
}

/// The marked slices of `after` that `before` does not mark.
fn added(before: &Marks<()>, after: &Marks<()>) -> Vec<Slice> {
    let marked = after.iter().map(|(slice, ())| slice);
    marked.filter(|slice| !before.cover(slice)).cloned().collect()
}

impl IncidentKind {
    /// Whether something failed, as opposed to a wanted change or the end of a failure.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        match self {
            Self::PodDied { .. } | Self::Poisoned { .. } | Self::MassFailure { is_active: true } => true,
            Self::HeldBack { count } => *count > 0,
            Self::LeaderStarted
            | Self::Decided(_)
            | Self::PodJoined { .. }
            | Self::PodRestarted { .. }
            | Self::PodDraining { .. }
            | Self::PodLeft { .. }
            | Self::Frozen { .. }
            | Self::Released { .. }
            | Self::Configured
            | Self::MassFailure { is_active: false } => false,
        }
    }

    /// The kind in one word.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::LeaderStarted => "leader",
            Self::Decided(_) => "decision",
            Self::PodJoined { .. }
            | Self::PodRestarted { .. }
            | Self::PodDraining { .. }
            | Self::PodDied { .. }
            | Self::PodLeft { .. } => "pod",
            Self::Frozen { .. } | Self::Configured | Self::Released { .. } => "target",
            Self::Poisoned { .. } | Self::MassFailure { .. } | Self::HeldBack { .. } => "alarm",
        }
    }
}

/// One line; the moves of a decision are not part of it.
impl fmt::Display for IncidentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeaderStarted => f.write_str("this leader began; of earlier events it knows the decisions"),
            Self::Decided(decided) => write!(f, "generation {}: {}", decided.generation, decided.report),
            Self::PodJoined { pod, address } => write!(f, "{pod} joined at {address}"),
            Self::PodRestarted { pod, address } => write!(f, "{pod} restarted at {address}"),
            Self::PodDraining { pod } => write!(f, "{pod} drains"),
            Self::PodDied { pod } => write!(f, "{pod} was declared dead"),
            Self::PodLeft { pod } => write!(f, "{pod} ended after its drain"),
            Self::Frozen { is_frozen: true } => f.write_str("an operator froze the target"),
            Self::Frozen { is_frozen: false } => f.write_str("the target is no longer frozen"),
            Self::Poisoned { slice } => write!(f, "{slice} is poisoned: its owners crashed one after the other"),
            Self::Released { slice } => write!(f, "{slice} is no longer poisoned"),
            Self::Configured => f.write_str("the settings changed"),
            Self::MassFailure { is_active: true } => f.write_str("many pods failed at once"),
            Self::MassFailure { is_active: false } => f.write_str("the mass failure is over"),
            Self::HeldBack { count: 0 } => f.write_str("no pod is held back any more"),
            Self::HeldBack { count } => write!(f, "{count} pods get no slices because they died repeatedly"),
        }
    }
}
