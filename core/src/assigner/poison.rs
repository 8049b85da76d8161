//! Poison: keys that seem to crash every pod that owns them.
//!
//! When a pod crashes, its slices move to other pods. If one of those crashes, too, the keys that both owned are
//! suspected: a value or a request that no pod survives would crash one pod after the other. Pods also crash for other
//! reasons, so keys are declared poisoned only if most of the target's recent crashes hit their owners, and only if the
//! suspected part of the key space is small; otherwise the next crash narrows it down.
//!
//! ```text
//! owned --owner crashed--> suspected --enough crashes--> poisoned --10 min without a crash, or an operator--> released
//! ```
//!
//! Poisoned keys are replicated and survive a change of leader; the crashes are not, so a new leader starts counting from
//! zero.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::cluster::{ChangeKind, MARKS_MAX};
use crate::assignment::Assignment;
use crate::keyspace::{Marks, Slice};
use crate::pod::{Incarnation, Pod, PodName};
use crate::time::Timestamp;

/// How long a crash counts; and after how long without another crash poisoned keys are released.
const MEMORY: Duration = Duration::from_secs(10 * 60);
/// The most crashes that are kept; older ones are dropped.
const CRASHES_MAX: usize = 64;
/// Keys are poisoned once this many of their owners have crashed.
const CRASHED_PODS_MIN: usize = 2;
/// If all crashes are of one pod, there must be this many. The cause may be the pod itself, so only a single slice may
/// be suspected then.
const CRASHED_INCARNATIONS_MIN: usize = 3;
/// At most one of this many slices may be suspected, but always one. Two of nine pods have about that part in common.
const SUSPECTED_DIVISOR: usize = 64;

/// The recent crashes, and the keys that may have caused them.
#[derive(Debug, Default)]
pub(super) struct PoisonDetector {
    /// The crashes within [`MEMORY`], oldest first.
    crashes: VecDeque<Crash>,
    /// Found to be poisoned, but not replicated yet.
    suspects: Vec<Slice>,
    /// For each poisoned slice, since when none of its owners has crashed.
    quiet_since: BTreeMap<Slice, Timestamp>,
}

#[derive(Debug)]
struct Crash {
    at: Timestamp,
    pod: PodIncarnation,
    /// The slices that the pod served, in key order, and their other owners.
    served: Vec<(Slice, Vec<PodName>)>,
}

/// One incarnation of a pod.
type PodIncarnation = (PodName, Incarnation);

/// A slice, and the incarnations that crashed while they owned it.
type Suspect = (Slice, BTreeSet<PodIncarnation>);

impl PoisonDetector {
    /// Records that a pod died without draining. `assignment` is the one before its death.
    pub(super) fn on_crash(&mut self, pod: &Pod, assignment: &Assignment, now: Timestamp) {
        let is_forgotten = |crash: &Crash| now.since(crash.at) > MEMORY;
        while self.crashes.len() >= CRASHES_MAX || self.crashes.front().is_some_and(is_forgotten) {
            self.crashes.pop_front();
        }
        self.crashes.push_back(Crash {
            at: now,
            pod: (pod.name.clone(), pod.incarnation),
            served: served_by(&pod.name, assignment),
        });
        self.restart_quiet_time(now);
        self.suspects.extend(self.found(assignment));
    }

    /// Follows the replicated list of poisoned keys.
    pub(super) fn observe(&mut self, poisoned: &Marks<()>, now: Timestamp) {
        self.suspects.retain(|suspect| !poisoned.cover(suspect));
        let known = std::mem::take(&mut self.quiet_since);
        let since = |slice: &Slice| known.get(slice).copied().unwrap_or(now);
        self.quiet_since = poisoned
            .iter()
            .map(|(slice, ())| (slice.clone(), since(slice)))
            .collect();
    }

    /// The most urgent change that is not replicated yet: poison keys, or release quiet ones.
    pub(super) fn overdue_change(&self, poisoned: &Marks<()>, now: Timestamp) -> Option<ChangeKind> {
        // Marking the middle of a marked range splits it in three.
        let has_room = poisoned.len() + 2 <= MARKS_MAX;
        let suspect = self.suspects.first().filter(|_| has_room).cloned();
        let quiet = || self.quiet_since.iter().find(|(_, since)| now >= **since + MEMORY);
        match suspect {
            Some(slice) => Some(ChangeKind::Poison { slice }),
            None => quiet().map(|(slice, _)| ChangeKind::Release { slice: slice.clone() }),
        }
    }

    /// When the next poisoned keys are released unless one of their owners crashes.
    pub(super) fn wake_at(&self) -> Timestamp {
        let first = self.quiet_since.values().min();
        first.map_or(Timestamp::NEVER, |since| *since + MEMORY)
    }

    /// Restarts the quiet time of the poisoned keys that the last crashed pod owned.
    fn restart_quiet_time(&mut self, now: Timestamp) {
        let Some(crash) = self.crashes.back() else { return };
        for (slice, since) in &mut self.quiet_since {
            if crash.served_in(slice).next().is_some() {
                *since = now;
            }
        }
    }

    /// The keys that the last crash proves to be poisoned.
    fn found(&self, assignment: &Assignment) -> Vec<Slice> {
        let mut crashes = self.crashes.iter().rev();
        let Some(last) = crashes.next() else {
            return Vec::new();
        };
        let earlier: Vec<&Crash> = crashes.collect();
        let suspects: Vec<Suspect> = last
            .served
            .iter()
            .flat_map(|(slice, _)| suspects_in(slice, &last.pod, &earlier))
            .collect();
        let worst = Worst::of(suspects);
        let is_most_of_the_crashes = worst.incarnation_count * 2 > self.crashes.len();
        let count_max = match worst.pod_count {
            ..CRASHED_PODS_MIN => 1,
            _ => (assignment.slices().slice_count() / SUSPECTED_DIVISOR).max(1),
        };
        match worst.is_proven() && is_most_of_the_crashes && worst.slices.len() <= count_max {
            true => worst.slices,
            false => Vec::new(),
        }
    }
}

/// The suspects with the most crashed incarnations.
struct Worst {
    slices: Vec<Slice>,
    incarnation_count: usize,
    pod_count: usize,
}

impl Worst {
    fn of(suspects: Vec<Suspect>) -> Self {
        let incarnation_count = suspects.iter().map(|(_, crashed)| crashed.len()).max().unwrap_or(0);
        let worst = suspects
            .into_iter()
            .filter(|(_, crashed)| crashed.len() == incarnation_count);
        let (slices, crashed): (Vec<Slice>, Vec<BTreeSet<PodIncarnation>>) = worst.unzip();
        let pods: BTreeSet<&PodName> = crashed.iter().flatten().map(|(pod, _)| pod).collect();
        Self {
            incarnation_count,
            pod_count: pods.len(),
            slices,
        }
    }

    fn is_proven(&self) -> bool {
        self.pod_count >= CRASHED_PODS_MIN || self.incarnation_count >= CRASHED_INCARNATIONS_MIN
    }
}

impl Crash {
    fn served_in(&self, slice: &Slice) -> impl Iterator<Item = &(Slice, Vec<PodName>)> {
        let ends_before = |(served, _): &(Slice, Vec<PodName>)| served.end().is_some_and(|end| end <= slice.start());
        let first = self.served.partition_point(ends_before);
        let begins_inside = |(served, _): &&(Slice, Vec<PodName>)| slice.end().is_none_or(|end| served.start() < end);
        self.served[first..].iter().take_while(begins_inside)
    }
}

/// The parts of a slice that `pod` served when it crashed, each with all incarnations that crashed while serving it.
fn suspects_in(slice: &Slice, pod: &PodIncarnation, earlier: &[&Crash]) -> Vec<Suspect> {
    let mut suspects = vec![(slice.clone(), BTreeSet::from([pod.clone()]))];
    for crash in earlier {
        // Replicas that crashed together did not take the slice over from each other.
        let before = crash.served_in(slice).filter(|(_, others)| !others.contains(&pod.0));
        for (served, _) in before {
            suspects = suspects
                .into_iter()
                .flat_map(|suspect| divided(suspect, served, &crash.pod))
                .collect();
        }
    }
    suspects
}

/// The part of the suspect that `pod` served, too, and the rest.
fn divided((slice, mut crashed): Suspect, served: &Slice, pod: &PodIncarnation) -> Vec<Suspect> {
    let Some(common) = slice.intersection(served) else {
        return vec![(slice, crashed)];
    };
    let rest = slice
        .without(&common)
        .into_iter()
        .flatten()
        .map(|part| (part, crashed.clone()));
    let mut divided: Vec<Suspect> = rest.collect();
    crashed.insert(pod.clone());
    divided.push((common, crashed));
    divided
}

fn served_by(pod: &PodName, assignment: &Assignment) -> Vec<(Slice, Vec<PodName>)> {
    let Some(index) = assignment.index_of(pod) else {
        return Vec::new();
    };
    let served = assignment
        .slices()
        .iter()
        .filter(|(_, state)| state.replicas.serving().any(|owner| owner == index));
    served
        .map(|(slice, state)| {
            let others = state.replicas.serving().filter(|owner| *owner != index);
            (slice, others.map(|owner| assignment.pod(owner).name.clone()).collect())
        })
        .collect()
}
