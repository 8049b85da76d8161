//! Observing the assignment of a cluster during a run.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assignment::{Assignment, Generation, Phase, SliceState};
use emberkeep_core::target::TargetName;
use emberkeep_runtime::watch::{AssignmentSnapshot, AssignmentWatcher, WatchSettings};
use futures::future::join_all;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::key_owners::KeyOwners;
use crate::LabError;
use crate::demo::TARGET;

/// Watches the assignment of the demo's target and counts moves.
#[derive(Debug)]
pub struct AssignmentObserver {
    newest: watch::Receiver<ObservedAssignment>,
    /// Moves before all pods owned slices, which are not counted.
    moves_before: u64,
    owner_changes_before: u64,
}

/// The assignment at one generation.
#[derive(Debug, Default)]
struct ObservedAssignment {
    generation: Generation,
    /// The addresses of all owners, if every slice has one.
    owners: Option<BTreeSet<String>>,
    /// Whether a replica is warming or leaving.
    is_moving: bool,
    moves: u64,
    /// Owner changes of all keys.
    owner_changes: u64,
}

impl AssignmentObserver {
    /// Watches these members until `stop`, and counts owner changes of these keys.
    pub fn start(assigners: Vec<String>, keys: &[Arc<str>], stop: &CancellationToken) -> Self {
        let (publish, newest) = watch::channel(ObservedAssignment::default());
        let observing = observe(watcher_of(assigners, stop), KeyOwners::of(keys), publish);
        tokio::spawn(stop.clone().run_until_cancelled_owned(observing));
        Self {
            newest,
            moves_before: 0,
            owner_changes_before: 0,
        }
    }

    /// Waits until the pods at these addresses, and no others, own all slices and have applied that assignment. Earlier
    /// moves are not counted. Returns the generation.
    ///
    /// # Errors
    /// If that is not reached within the deadline.
    pub async fn owned_by(&mut self, pods: &BTreeSet<String>, deadline: Duration) -> Result<Generation, LabError> {
        let late = |_| {
            let count = pods.len();
            LabError::failed(format!("the {count} pods did not own all slices within {deadline:?}"))
        };
        let owned = self.newest.wait_for(|observed| observed.owners.as_ref() == Some(pods));
        let owned = timeout(deadline, owned).await.map_err(late)?;
        let generation = match owned {
            Ok(observed) => {
                self.moves_before = observed.moves;
                self.owner_changes_before = observed.owner_changes;
                observed.generation
            }
            Err(_) => return Err(LabError::failed("the watch of the assignment ended")),
        };
        let known = join_all(pods.iter().map(|pod| observed_by(pod, generation)));
        timeout(deadline, known).await.map_err(late)?;
        Ok(generation)
    }

    /// Waits until the pods at these addresses, and no others, own all slices, and no replica is warming or leaving.
    /// `None` if that is not reached by the deadline.
    pub(crate) async fn settled_on(&self, pods: &BTreeSet<String>, deadline: Instant) -> Option<()> {
        let mut newest = self.newest.clone();
        let settled = newest.wait_for(|observed| !observed.is_moving && observed.owners.as_ref() == Some(pods));
        timeout_at(deadline, settled).await.ok()?.ok().map(drop)
    }

    /// Waits until a replica is warming or leaving. `None` if there is none by the deadline.
    pub(crate) async fn moving(&self, deadline: Instant) -> Option<()> {
        let mut newest = self.newest.clone();
        let moving = newest.wait_for(|observed| observed.is_moving);
        timeout_at(deadline, moving).await.ok()?.ok().map(drop)
    }

    /// Owner changes of all keys since counting began.
    pub(crate) fn owner_changes(&self) -> u64 {
        self.newest.borrow().owner_changes - self.owner_changes_before
    }

    /// Slices whose owners changed since counting began.
    pub(crate) fn moves(&self) -> u64 {
        self.newest.borrow().moves - self.moves_before
    }

    /// The newest generation observed.
    pub(crate) fn generation(&self) -> i64 {
        self.newest.borrow().generation.number()
    }
}

/// Waits until the pod has applied this generation: pods serve their assignment to watchers.
async fn observed_by(pod: &str, generation: Generation) {
    let watcher = watcher_of(vec![pod.to_owned()], &CancellationToken::new());
    let is_known = |held: &Option<AssignmentSnapshot>| {
        held.as_ref()
            .is_some_and(|held| held.assignment.generation() >= generation)
    };
    // It fails only once the watcher has ended, which this function owns.
    let _ = watcher.held().wait_for(is_known).await;
}

fn watcher_of(sources: Vec<String>, stop: &CancellationToken) -> AssignmentWatcher {
    let target = TargetName::try_new(TARGET).expect("it is written in lower case");
    AssignmentWatcher::start(WatchSettings::new(target, sources, "emberkeep-dev"), stop)
}

/// Publishes each assignment while there is a receiver.
async fn observe(watcher: AssignmentWatcher, mut keys: KeyOwners, publish: watch::Sender<ObservedAssignment>) {
    let mut held = watcher.held();
    let mut before: Option<Arc<Assignment>> = None;
    while held.changed().await.is_ok() && !publish.is_closed() {
        let Some(AssignmentSnapshot { assignment, .. }) = held.borrow_and_update().clone() else {
            continue;
        };
        let moved = before.map_or(0, |before| moves_between(&before, &assignment));
        let changes = keys.update(&assignment);
        publish.send_modify(|observed| {
            observed.generation = assignment.generation();
            observed.owners = owners(&assignment);
            observed.is_moving = is_moving(&assignment);
            observed.moves += moved;
            observed.owner_changes += changes;
        });
        before = Some(assignment);
    }
}

/// The addresses of all owners; `None` if a slice has none.
fn owners(assignment: &Assignment) -> Option<BTreeSet<String>> {
    let mut addresses = BTreeSet::new();
    for (_, state) in assignment.slices().iter() {
        let mut serving = state.replicas.serving().peekable();
        serving.peek()?;
        addresses.extend(serving.map(|pod| assignment.pod(pod).address.to_string()));
    }
    Some(addresses)
}

fn is_moving(assignment: &Assignment) -> bool {
    let mut replicas = assignment.slices().values().flat_map(|state| state.replicas.iter());
    replicas.any(|replica| match replica.phase {
        Phase::Warming | Phase::Yielding | Phase::Leaving => true,
        Phase::Serving => false,
    })
}

/// The number of slices of `after` with other owners than in `before`.
fn moves_between(before: &Assignment, after: &Assignment) -> u64 {
    let slices = after.slices().iter();
    let moved = slices.filter(|(slice, state)| {
        let mut old = before.slices().overlapping(slice);
        old.any(|(_, old)| incarnations(before, old) != incarnations(after, state))
    });
    moved.count() as u64
}

fn incarnations(assignment: &Assignment, state: &SliceState) -> BTreeSet<u128> {
    let serving = state.replicas.serving();
    serving.map(|pod| assignment.pod(pod).incarnation.0).collect()
}

#[cfg(test)]
mod tests {
    use emberkeep_core::assignment::{PodIndex, Replica};
    use emberkeep_core::keyspace::{SliceKey, SliceMap};
    use emberkeep_testkit::pod::pod;

    use super::*;

    /// Slices that start at these positions, each owned by one of three pods, or by none.
    fn assignment(slices: &[(u64, Option<u32>)]) -> Assignment {
        let generation = Generation::NONE.next();
        let state = |owner: Option<u32>| SliceState {
            replicas: owner
                .map(|pod| Replica {
                    pod: PodIndex(pod),
                    phase: Phase::Serving,
                })
                .into_iter()
                .collect(),
            epoch: generation,
            changed_at: generation,
        };
        let start = |position: u64| match position {
            0 => SliceKey::EMPTY,
            _ => SliceKey::from_position(position),
        };
        let slices = slices.iter().map(|&(position, owner)| (start(position), state(owner)));
        let slices = SliceMap::try_from_starts(slices.collect()).unwrap();
        Assignment::try_new(generation, (1..=3).map(pod).collect(), slices).unwrap()
    }

    #[test]
    fn a_slice_moves_when_its_owner_changes() {
        let before = assignment(&[(0, Some(0)), (100, Some(1))]);
        assert_eq!(moves_between(&before, &before), 0);
        assert_eq!(moves_between(&before, &assignment(&[(0, Some(0)), (100, Some(2))])), 1);
    }

    #[test]
    fn splitting_a_slice_moves_only_the_part_with_another_owner() {
        let before = assignment(&[(0, Some(0)), (100, Some(1))]);
        let after = assignment(&[(0, Some(0)), (50, Some(0)), (100, Some(1)), (150, Some(0))]);
        assert_eq!(moves_between(&before, &after), 1);
    }

    #[test]
    fn owners_are_known_only_if_every_slice_has_one() {
        let all = assignment(&[(0, Some(0)), (100, Some(2))]);
        assert_eq!(
            owners(&all).unwrap(),
            ["127.0.0.1:1", "127.0.0.1:3"].map(String::from).into()
        );
        assert_eq!(owners(&assignment(&[(0, Some(0)), (100, None)])), None);
    }
}
