//! Recordings: the events and proposals of a live assigner's brains, to be replayed to other brains.
//!
//! A recording is one file. It begins with the line [`RECORDING_HEADER`]; [`RecordingEntry`]s follow, each as its length
//! (4 bytes, little-endian) and its bytes in postcard. Postcard and not JSON lines, because nearly all of a recording is
//! load reports, which are a quarter as long in it, and because equal values have equal bytes in it. A process that is
//! killed leaves its last entry incomplete; readers ignore that one.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::cluster::{ChangeKind, PodRecord, TargetState};
use super::event::TargetEvent;
use super::target_settings::TargetSettings;
use crate::assignment::{Assignment, AssignmentDiff, DiffError};
use crate::keyspace::Marks;
use crate::pod::PodName;
use crate::target::TargetName;
use crate::time::Timestamp;

/// The first line of a recording. Its number increases whenever the encoding of [`RecordingEntry`] changes.
pub const RECORDING_HEADER: &str = "emberkeep recording 4\n";

/// One brain of a recording: one target, for as long as the recording member leads without a break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BrainId(pub u64);

/// One entry of a recording. `S` is the form of the state in an event: a difference in a file.
#[expect(clippy::large_enum_variant, reason = "nearly all entries are of the largest kind")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields are named by their types")]
pub enum RecordingEntry<S = StateChange> {
    /// A brain was created.
    Began {
        /// Identifies its later entries.
        brain: BrainId,
        target: TargetName,
        state: Arc<TargetState>,
        now: Timestamp,
    },
    /// A brain was stepped by an event.
    Stepped {
        brain: BrainId,
        event: TargetEvent<S>,
        now: Timestamp,
        /// The change that it proposed.
        proposal: Option<ChangeKind>,
    },
    /// A brain ended because its member lost leadership.
    Ended { brain: BrainId },
}

/// The difference between two successive states of a target: states are large, and changes are small.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StateChange {
    settings: Option<TargetSettings>,
    pods_changed: Vec<PodRecord>,
    pods_gone: Vec<PodName>,
    diff: Option<AssignmentDiff>,
    is_frozen: Option<bool>,
    pinned: Option<Marks<PodName>>,
    poisoned: Option<Marks<()>>,
}

impl StateChange {
    /// The difference from `before` to `after`, a later state of the same target.
    #[must_use]
    pub fn between(before: &TargetState, after: &TargetState) -> Self {
        let TargetState {
            settings,
            pods,
            assignment,
            // No decision depends on the reasons of earlier ones.
            decisions: _,
            is_frozen,
            pinned,
            poisoned,
        } = after;
        let is_changed = |record: &&PodRecord| before.pods.get(&record.pod.name) != Some(*record);
        let is_gone = |name: &&PodName| !pods.contains_key(*name);
        Self {
            settings: (*settings != before.settings).then(|| settings.clone()),
            pods_changed: pods.values().filter(is_changed).cloned().collect(),
            pods_gone: before.pods.keys().filter(is_gone).cloned().collect(),
            diff: diff_between(&before.assignment, assignment),
            is_frozen: (*is_frozen != before.is_frozen).then_some(*is_frozen),
            pinned: (*pinned != before.pinned).then(|| pinned.clone()),
            poisoned: (*poisoned != before.poisoned).then(|| poisoned.clone()),
        }
    }

    /// The state after the change.
    ///
    /// # Errors
    /// When the change does not start at `before`.
    pub fn applied_to(self, before: &TargetState) -> Result<TargetState, DiffError> {
        let Self {
            settings,
            pods_changed,
            pods_gone,
            diff,
            is_frozen,
            pinned,
            poisoned,
        } = self;
        let mut pods: BTreeMap<PodName, PodRecord> = before.pods.clone();
        pods.retain(|name, _| pods_gone.binary_search(name).is_err());
        pods.extend(pods_changed.into_iter().map(|record| (record.pod.name.clone(), record)));
        let assignment = match diff {
            Some(diff) => Arc::new(before.assignment.apply(&diff)?),
            None => Arc::clone(&before.assignment),
        };
        Ok(TargetState {
            settings: settings.unwrap_or_else(|| before.settings.clone()),
            pods,
            assignment,
            decisions: Arc::clone(&before.decisions),
            is_frozen: is_frozen.unwrap_or(before.is_frozen),
            pinned: pinned.unwrap_or_else(|| before.pinned.clone()),
            poisoned: poisoned.unwrap_or_else(|| before.poisoned.clone()),
        })
    }
}

fn diff_between(before: &Assignment, after: &Assignment) -> Option<AssignmentDiff> {
    let is_later = after.generation() > before.generation();
    is_later.then(|| after.diff_since(before.generation()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assigner::{Applied, Change, ClusterState};
    use crate::balancer::Pin;
    use crate::keyspace::Slice;
    use crate::pod::fixtures::{pod, pod_name};

    fn after(state: &Arc<TargetState>, kinds: &[ChangeKind]) -> Arc<TargetState> {
        let target = TargetName::try_new("profiles").unwrap();
        let mut cluster = ClusterState::default();
        let settings = state.settings.clone();
        let created = [ChangeKind::CreateTarget { settings }];
        for kind in created.iter().chain(kinds) {
            let (target, kind) = (target.clone(), kind.clone());
            assert_eq!(cluster.apply(&Change { target, kind }), Applied::Done);
        }
        cluster.target(&target).unwrap().clone()
    }

    #[test]
    fn a_change_leads_from_the_state_before_to_the_state_after() {
        let empty = Arc::new(TargetState::new(TargetSettings::default()));
        let joins = |number| ChangeKind::RegisterPod { pod: pod(number) };
        let mut settings = TargetSettings::default();
        settings.balancer.min_replicas = 2;
        settings.balancer.max_replicas = 2;
        let slice = Slice::FULL;
        let pin = Pin {
            slice: slice.clone(),
            pod: pod_name(3),
        };
        let (pinned, poisoned) = (ChangeKind::Pin { pin }, ChangeKind::Poison { slice });
        let states = [
            empty.clone(),
            after(&empty, &[joins(1), joins(2)]),
            after(&empty, &[joins(2), joins(3), ChangeKind::Freeze { is_frozen: true }]),
            after(&empty, &[joins(3), ChangeKind::ConfigureTarget { settings }]),
            after(&empty, &[joins(3), pinned, poisoned]),
        ];
        for pair in states.windows(2) {
            let change = StateChange::between(&pair[0], &pair[1]);
            assert_ne!(change, StateChange::default());
            assert_eq!(change.applied_to(&pair[0]).as_ref(), Ok(pair[1].as_ref()));
        }
        assert_eq!(StateChange::between(&states[3], &states[3]), StateChange::default());
    }
}
