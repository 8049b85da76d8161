//! Poison: keys that seem to crash whichever pod owns them.
//!
//! When a pod crashes, its slices go to other pods. If one of those crashes, too, what both have owned is suspected: a
//! key whose value, or whose requests, a pod does not survive would go on from pod to pod until none is left. Pods
//! crash for other reasons as well. So keys are poisoned only if most of the target's recent crashes hit their owners,
//! and if no more than a small part of the key space is in question; else the next crash tells more.
//!
//! That keys are poisoned is replicated and outlives the leader who found out; the crashes that led to it are not, so a
//! new leader begins to count anew.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::cluster::{ChangeKind, MARKS_MAX};
use crate::assignment::Assignment;
use crate::keyspace::{Marks, Slice};
use crate::pod::{Incarnation, Pod, PodName};
use crate::time::Timestamp;

/// For so long a crash is remembered; and after so long without another one, keys are poisoned no more.
const MEMORY: Duration = Duration::from_secs(10 * 60);
/// The most crashes that are remembered.
const CRASHES_MAX: usize = 64;
/// How many pods have to crash.
const CRASHED_PODS_MIN: usize = 2;
/// How many times it has to where only one pod crashes. That may as well be its own fault, so a single slice has to be
/// in question then.
const CRASHED_LIVES_MIN: usize = 3;
/// At most this part of the slices may be in question, but always one. Two of nine pods have about as much in common.
const PART: usize = 64;

/// What is known of crashes, and of keys that may have caused them.
#[derive(Debug, Default)]
pub(super) struct PoisonDetector {
    /// In the order of time.
    crashes: VecDeque<Crash>,
    /// Found, and not replicated yet.
    suspects: Vec<Slice>,
    /// Since when no owner of the poisoned keys has crashed.
    quiet_since: BTreeMap<Slice, Timestamp>,
}

#[derive(Debug)]
struct Crash {
    at: Timestamp,
    life: PodIncarnation,
    /// What the pod served, in key order, and who else did.
    served: Vec<(Slice, Vec<PodName>)>,
}

/// One life of a pod.
type PodIncarnation = (PodName, Incarnation);

/// Keys, and the lives that ended while they owned them.
type Suspect = (Slice, BTreeSet<PodIncarnation>);

impl PoisonDetector {
    /// A pod has died that had not asked to stop; this was the assignment.
    pub(super) fn crashed(&mut self, pod: &Pod, assignment: &Assignment, now: Timestamp) {
        let is_forgotten = |crash: &Crash| now.since(crash.at) > MEMORY;
        while self.crashes.len() >= CRASHES_MAX || self.crashes.front().is_some_and(is_forgotten) {
            self.crashes.pop_front();
        }
        self.crashes.push_back(Crash {
            at: now,
            life: (pod.name.clone(), pod.incarnation),
            served: served_by(&pod.name, assignment),
        });
        self.disturb(now);
        self.suspects.extend(self.found(assignment));
    }

    /// Takes in what is poisoned by now.
    pub(super) fn observe(&mut self, poisoned: &Marks<()>, now: Timestamp) {
        self.suspects.retain(|suspect| !poisoned.cover(suspect));
        let known = std::mem::take(&mut self.quiet_since);
        let since = |slice: &Slice| known.get(slice).copied().unwrap_or(now);
        self.quiet_since = poisoned
            .iter()
            .map(|(slice, ())| (slice.clone(), since(slice)))
            .collect();
    }

    /// What is known here and not replicated yet.
    pub(super) fn overdue_change(&self, poisoned: &Marks<()>, now: Timestamp) -> Option<ChangeKind> {
        // A mark inside another one makes three of it.
        let has_room = poisoned.len() + 2 <= MARKS_MAX;
        let suspect = self.suspects.first().filter(|_| has_room).cloned();
        let quiet = || self.quiet_since.iter().find(|(_, since)| now >= **since + MEMORY);
        match suspect {
            Some(slice) => Some(ChangeKind::Poison { slice }),
            None => quiet().map(|(slice, _)| ChangeKind::Release { slice: slice.clone() }),
        }
    }

    /// When poisoned keys will have been quiet for long enough.
    pub(super) fn wake_at(&self) -> Timestamp {
        let first = self.quiet_since.values().min();
        first.map_or(Timestamp::NEVER, |since| *since + MEMORY)
    }

    /// Poisoned keys of the pod that crashed last are not quiet.
    fn disturb(&mut self, now: Timestamp) {
        let Some(crash) = self.crashes.back() else { return };
        for (slice, since) in &mut self.quiet_since {
            if crash.served_in(slice).next().is_some() {
                *since = now;
            }
        }
    }

    /// The keys that the last crash shows to be poisoned.
    fn found(&self, assignment: &Assignment) -> Vec<Slice> {
        let mut crashes = self.crashes.iter().rev();
        let Some(last) = crashes.next() else {
            return Vec::new();
        };
        let earlier: Vec<&Crash> = crashes.collect();
        let suspects: Vec<Suspect> = last
            .served
            .iter()
            .flat_map(|(slice, _)| suspects_in(slice, &last.life, &earlier))
            .collect();
        let worst = Worst::of(suspects);
        let is_most_of_the_crashes = worst.life_count * 2 > self.crashes.len();
        let count_max = match worst.pod_count {
            ..CRASHED_PODS_MIN => 1,
            _ => (assignment.slices().slice_count() / PART).max(1),
        };
        match worst.is_proven() && is_most_of_the_crashes && worst.slices.len() <= count_max {
            true => worst.slices,
            false => Vec::new(),
        }
    }
}

/// The suspects that most lives have ended with.
struct Worst {
    slices: Vec<Slice>,
    life_count: usize,
    pod_count: usize,
}

impl Worst {
    fn of(suspects: Vec<Suspect>) -> Self {
        let life_count = suspects.iter().map(|(_, lives)| lives.len()).max().unwrap_or(0);
        let worst = suspects.into_iter().filter(|(_, lives)| lives.len() == life_count);
        let (slices, lives): (Vec<Slice>, Vec<BTreeSet<PodIncarnation>>) = worst.unzip();
        let pods: BTreeSet<&PodName> = lives.iter().flatten().map(|(pod, _)| pod).collect();
        Self {
            life_count,
            pod_count: pods.len(),
            slices,
        }
    }

    fn is_proven(&self) -> bool {
        self.pod_count >= CRASHED_PODS_MIN || self.life_count >= CRASHED_LIVES_MIN
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

/// The parts of a slice that was served to the end of this life, each with all lives that ended so.
fn suspects_in(slice: &Slice, life: &PodIncarnation, earlier: &[&Crash]) -> Vec<Suspect> {
    let mut suspects = vec![(slice.clone(), BTreeSet::from([life.clone()]))];
    for crash in earlier {
        // Pods that served the same keys side by side and died together did not do so one after the other.
        let before = crash.served_in(slice).filter(|(_, others)| !others.contains(&life.0));
        for (served, _) in before {
            suspects = suspects
                .into_iter()
                .flat_map(|suspect| divided(suspect, served, &crash.life))
                .collect();
        }
    }
    suspects
}

/// The part of the suspect that was served in this life, too, and the rest.
fn divided((slice, mut lives): Suspect, served: &Slice, life: &PodIncarnation) -> Vec<Suspect> {
    let Some(common) = slice.intersection(served) else {
        return vec![(slice, lives)];
    };
    let rest = slice
        .without(&common)
        .into_iter()
        .flatten()
        .map(|part| (part, lives.clone()));
    let mut divided: Vec<Suspect> = rest.collect();
    lives.insert(life.clone());
    divided.push((common, lives));
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
