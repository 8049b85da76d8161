//! Publishes the applied assignments of a member to sessions and watchers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use emberkeep_core::assigner::ClusterState;
use emberkeep_core::assignment::Generation;
use emberkeep_core::target::TargetName;
use emberkeep_runtime::watch::{AssignmentSnapshot, AssignmentSource};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::metrics::Metrics;

/// One channel per target. Every member publishes, so that watchers spread over all members.
#[derive(Debug, Default)]
pub(crate) struct AssignmentPublisher {
    targets: Mutex<BTreeMap<TargetName, PublishedTarget>>,
}

/// The published assignment of one target.
#[derive(Debug)]
struct PublishedTarget {
    held: watch::Sender<Option<AssignmentSnapshot>>,
    /// When the newest generation was published.
    at: Instant,
}

impl AssignmentPublisher {
    /// Publishes the applied state at once and after each change, until the member stops.
    pub(crate) async fn follow(self: Arc<Self>, mut state: watch::Receiver<Arc<ClusterState>>, metrics: Metrics) {
        let mut before = Arc::<ClusterState>::default();
        loop {
            let applied = state.borrow_and_update().clone();
            self.publish(&before, &applied, &metrics);
            before = applied;
            if state.changed().await.is_err() {
                return;
            }
        }
    }

    /// Publishes the targets that differ from those of `before`.
    fn publish(&self, before: &ClusterState, applied: &ClusterState, metrics: &Metrics) {
        let mut targets = self.targets();
        for (name, state) in applied.targets() {
            if before.target(name).is_some_and(|before| Arc::ptr_eq(before, state)) {
                continue;
            }
            metrics.record_applied(name, state);
            let published = targets.entry(name.clone()).or_insert_with(PublishedTarget::empty);
            // Generation zero is published too: watchers then wait for the first assignment here instead of elsewhere.
            if published.is_empty() || state.assignment.generation() > published.generation() {
                published.at = Instant::now();
                published.held.send_replace(Some(AssignmentSnapshot {
                    assignment: Arc::clone(&state.assignment),
                    key_mode: state.settings.key_mode,
                }));
            }
        }
    }

    /// The newest generation of a target, with the time of its publication.
    pub(crate) fn published(&self, target: &TargetName) -> Option<(Generation, Instant)> {
        self.targets()
            .get(target)
            .map(|published| (published.generation(), published.at))
    }

    fn targets(&self) -> MutexGuard<'_, BTreeMap<TargetName, PublishedTarget>> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PublishedTarget {
    fn empty() -> Self {
        Self {
            held: watch::Sender::new(None),
            at: Instant::now(),
        }
    }

    fn is_empty(&self) -> bool {
        self.held.borrow().is_none()
    }

    fn generation(&self) -> Generation {
        let held = self.held.borrow();
        held.as_ref()
            .map_or(Generation::NONE, |held| held.assignment.generation())
    }
}

impl AssignmentSource for AssignmentPublisher {
    fn subscribe(&self, target: &TargetName) -> Option<watch::Receiver<Option<AssignmentSnapshot>>> {
        self.targets().get(target).map(|published| published.held.subscribe())
    }
}
