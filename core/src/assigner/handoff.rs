//! Handoff: how a slice changes hands, step by step.
//!
//! A move makes the new owner `serving` and the old one `leaving`. The old one answers late requests for
//! `leave_linger`, then its replica goes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::assignment::{Assignment, Phase};
use crate::keyspace::SliceKey;
use crate::pod::PodName;
use crate::time::Timestamp;

/// A replica, by the start of its slice and its pod.
type ReplicaKey = (SliceKey, PodName);

/// The replicas that are leaving, and since when. Not replicated: a new leader lets them linger anew.
#[derive(Debug, Default)]
pub(super) struct Handoffs {
    leaving_since: BTreeMap<ReplicaKey, Timestamp>,
}

impl Handoffs {
    /// Takes in a new assignment.
    pub(super) fn observe(&mut self, assignment: &Assignment, now: Timestamp) {
        let mut before = std::mem::take(&mut self.leaving_since);
        for (slice, state) in assignment.slices().iter() {
            for replica in state.replicas.iter().filter(|replica| replica.phase == Phase::Leaving) {
                let key = (slice.start().clone(), assignment.pod(replica.pod).name.clone());
                let since = before.remove(&key).unwrap_or(now);
                self.leaving_since.insert(key, since);
            }
        }
    }

    /// The replicas that have lingered long enough.
    pub(super) fn left(&self, linger: Duration, now: Timestamp) -> BTreeSet<ReplicaKey> {
        let has_left = |(_, since): &(&ReplicaKey, &Timestamp)| now >= **since + linger;
        self.leaving_since
            .iter()
            .filter(has_left)
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// When the next replica will have lingered long enough.
    pub(super) fn wake_at(&self, linger: Duration, now: Timestamp) -> Timestamp {
        let ends = self.leaving_since.values().map(|since| *since + linger);
        ends.filter(|end| *end > now).min().unwrap_or(Timestamp::NEVER)
    }
}
