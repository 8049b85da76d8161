//! The assignments that a member has applied, for whoever watches them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use emberkeep_core::assigner::ClusterState;
use emberkeep_core::assignment::Generation;
use emberkeep_core::target::TargetName;
use emberkeep_runtime::watch::{AssignmentSnapshot, AssignmentSource};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::metrics::Metrics;

/// One channel a target. Every member has them, so that watchers spread over all members.
#[derive(Debug, Default)]
pub(crate) struct Assignments {
    targets: Mutex<BTreeMap<TargetName, Published>>,
}

/// What is published of one target.
#[derive(Debug)]
struct Published {
    held: watch::Sender<Option<AssignmentSnapshot>>,
    /// When the newest was.
    at: Instant,
}

impl Assignments {
    /// Publishes what is applied, now and whenever it changes. Ends with the member.
    pub(crate) async fn follow(self: Arc<Self>, mut state: watch::Receiver<Arc<ClusterState>>, metrics: Metrics) {
        loop {
            let applied = state.borrow_and_update().clone();
            self.publish(&applied, &metrics);
            if state.changed().await.is_err() {
                return;
            }
        }
    }

    fn publish(&self, applied: &ClusterState, metrics: &Metrics) {
        let mut targets = self.targets();
        for (name, state) in applied.targets() {
            metrics.applied(name, state);
            let published = targets.entry(name.clone()).or_insert_with(Published::nothing);
            // What is unassigned yet is published too: watchers stay and learn of the first assignment at once.
            if published.is_nothing() || state.assignment.generation() > published.generation() {
                published.at = Instant::now();
                published.held.send_replace(Some(AssignmentSnapshot {
                    assignment: Arc::clone(&state.assignment),
                    key_mode: state.settings.key_mode,
                }));
            }
        }
    }

    /// The newest generation of a target, and when it was published here.
    pub(crate) fn published(&self, target: &TargetName) -> Option<(Generation, Instant)> {
        self.targets()
            .get(target)
            .map(|published| (published.generation(), published.at))
    }

    fn targets(&self) -> MutexGuard<'_, BTreeMap<TargetName, Published>> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Published {
    fn nothing() -> Self {
        Self {
            held: watch::Sender::new(None),
            at: Instant::now(),
        }
    }

    fn is_nothing(&self) -> bool {
        self.held.borrow().is_none()
    }

    fn generation(&self) -> Generation {
        let held = self.held.borrow();
        held.as_ref()
            .map_or(Generation::NONE, |held| held.assignment.generation())
    }
}

impl AssignmentSource for Assignments {
    fn subscribe(&self, target: &TargetName) -> Option<watch::Receiver<Option<AssignmentSnapshot>>> {
        self.targets().get(target).map(|published| published.held.subscribe())
    }
}
