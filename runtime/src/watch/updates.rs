//! The stream of updates that a watcher lacks.

use std::sync::Arc;

use emberkeep_core::assignment::{Generation, Update};
use emberkeep_proto::convert::WatchUpdate;
use futures::Stream;
use futures::stream;
use tokio::sync::watch;

use super::AssignmentSnapshot;

/// The updates for a watcher at generation `known`: at once the one to the newest generation, then each change. An
/// update is a diff or the full assignment, whichever is smaller. The stream ends when the publisher is dropped.
///
/// Nothing is queued: a slow reader gets one update from its generation to the newest. A watcher that is ahead of
/// `held` gets nothing until there is a still newer generation, and then the full assignment, because its history may
/// be that of another log.
pub fn updates_since(
    held: watch::Receiver<Option<AssignmentSnapshot>>,
    known: Generation,
) -> impl Stream<Item = WatchUpdate> + Send + use<> {
    let start = WatchCursor {
        held,
        known: (known != Generation::NONE).then_some(known),
        is_ahead: false,
    };
    stream::unfold(start, |mut cursor| async move {
        let update = cursor.next().await?;
        Some((update, cursor))
    })
}

/// The generation that a watcher has reached.
struct WatchCursor {
    held: watch::Receiver<Option<AssignmentSnapshot>>,
    /// The watcher's generation; `None` if it holds no assignment.
    known: Option<Generation>,
    /// Whether the watcher started with a newer generation than was held here.
    is_ahead: bool,
}

impl WatchCursor {
    async fn next(&mut self) -> Option<WatchUpdate> {
        loop {
            let held = self.held.borrow_and_update().clone();
            if let Some(update) = held.and_then(|held| self.update_to(&held)) {
                return Some(update);
            }
            self.held.changed().await.ok()?;
        }
    }

    /// The update from the watcher's generation to `held`, which the cursor counts as received.
    fn update_to(&mut self, held: &AssignmentSnapshot) -> Option<WatchUpdate> {
        let AssignmentSnapshot { assignment, key_mode } = held;
        let newest = assignment.generation();
        self.is_ahead |= self.known.is_some_and(|known| known > newest);
        let update = match self.known {
            Some(known) if known >= newest => return None,
            Some(known) if !self.is_ahead => assignment.update_since(known),
            Some(_) | None => Update::Full(Arc::clone(assignment)),
        };
        self.known = Some(newest);
        self.is_ahead = false;
        Some(WatchUpdate {
            update,
            key_mode: *key_mode,
        })
    }
}

#[cfg(test)]
mod tests {
    use emberkeep_core::assignment::{Assignment, Phase, PodIndex, Proposal};
    use emberkeep_core::keyspace::{SliceKey, SliceMap};
    use emberkeep_core::target::KeyMode;
    use emberkeep_testkit::pod::pod;
    use futures::{FutureExt, StreamExt};

    use super::*;

    /// The assignments of all generations up to `newest`: each one serves another of eight slices.
    fn history(newest: u64) -> Vec<AssignmentSnapshot> {
        let pod = pod(1);
        let starts = (0..8_u64).map(|slice| match slice {
            0 => SliceKey::EMPTY,
            _ => SliceKey::from_position(slice << 61),
        });
        let mut slices = SliceMap::try_from_starts(starts.map(|start| (start, Default::default())).collect()).unwrap();
        let mut history = vec![Arc::new(Assignment::unassigned())];
        for changed in 0..newest {
            let served = SliceKey::from_position((changed % 8) << 61);
            slices = slices.map(|slice, replicas: &emberkeep_core::assignment::ReplicaSet| {
                let mut replicas = replicas.clone();
                if slice.contains(&served) {
                    replicas.set(PodIndex(0), Phase::Serving);
                }
                replicas
            });
            let proposal = Proposal {
                pods: vec![pod.clone()],
                slices: slices.clone(),
            };
            history.push(Arc::new(proposal.after(history.last().unwrap()).unwrap()));
        }
        let held = history.into_iter().map(|assignment| AssignmentSnapshot {
            assignment,
            key_mode: KeyMode::Hashed,
        });
        held.collect()
    }

    fn known(number: i64) -> Generation {
        Generation::from_number(number).unwrap()
    }

    #[tokio::test]
    async fn a_slow_watcher_gets_one_update_to_the_newest_generation() {
        let history = history(5);
        let (publish, held) = watch::channel(None);
        let mut updates = updates_since(held, Generation::NONE).boxed();
        publish.send_replace(Some(history[1].clone()));
        let mut watcher = AssignmentSnapshot::after(None, updates.next().await.unwrap()).unwrap();
        for newer in &history[2..] {
            publish.send_replace(Some(newer.clone()));
        }
        let update = updates.next().await.unwrap();
        assert!(matches!(update.update, Update::Diff(_)));
        watcher = AssignmentSnapshot::after(watcher.as_ref(), update).unwrap();
        assert_eq!(watcher.as_ref(), history.last());
        assert!(updates.next().now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_watcher_at_the_newest_generation_gets_only_later_changes() {
        let history = history(3);
        let (publish, held) = watch::channel(Some(history[2].clone()));
        let mut updates = updates_since(held, known(2)).boxed();
        assert!(updates.next().now_or_never().is_none());
        publish.send_replace(Some(history[3].clone()));
        let update = updates.next().await.unwrap();
        assert_eq!(update.update, history[3].assignment.update_since(known(2)));
    }

    #[tokio::test]
    async fn a_watcher_that_is_ahead_gets_the_full_assignment_once_there_is_a_newer_one() {
        let history = history(4);
        let (publish, held) = watch::channel(Some(history[1].clone()));
        let mut updates = updates_since(held, known(3)).boxed();
        for not_later in &history[1..=3] {
            publish.send_replace(Some(not_later.clone()));
            assert!(updates.next().now_or_never().is_none());
        }
        publish.send_replace(Some(history[4].clone()));
        let update = updates.next().await.unwrap();
        assert_eq!(update.update, Update::Full(Arc::clone(&history[4].assignment)));
    }

    #[tokio::test]
    async fn the_stream_ends_when_the_publisher_is_dropped() {
        let (publish, held) = watch::channel(None);
        drop(publish);
        assert_eq!(updates_since(held, Generation::NONE).boxed().next().await, None);
    }
}
