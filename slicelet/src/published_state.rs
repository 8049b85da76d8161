//! What the session publishes and requests go by.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use arc_swap::ArcSwap;
use emberkeep_core::slicelet::Ownership;
use emberkeep_core::target::{KeyMode, MisrouteMode};
use emberkeep_core::time::Timestamp;
use emberkeep_runtime::watch::AssignmentSnapshot;
use tokio::sync::watch;

use crate::heat::Heat;
use crate::holding::Holding;

/// Shared by the session, which writes it, and by requests, which read it and count. Nobody waits for anybody.
#[derive(Debug)]
pub(crate) struct PublishedState {
    pub(crate) holding: ArcSwap<Holding>,
    pub(crate) held: watch::Sender<Option<AssignmentSnapshot>>,
    pub(crate) heat: Heat,
    forwards: AtomicBool,
}

impl PublishedState {
    /// Before the first assignment.
    pub(crate) fn nothing() -> Self {
        Self {
            holding: ArcSwap::from_pointee(Holding::nothing()),
            held: watch::Sender::new(None),
            heat: Heat::new(),
            forwards: AtomicBool::new(false),
        }
    }

    /// Requests go by `ownership` from `now` on. Answers what they went by before.
    pub(crate) fn publish(&self, ownership: Arc<Ownership>, key_mode: KeyMode, now: Timestamp) -> Arc<Holding> {
        let assignment = Arc::clone(ownership.assignment());
        let next = self.holding.load().followed_by(ownership, key_mode, now);
        let before = self.holding.swap(Arc::new(next));
        self.held
            .send_replace(Some(AssignmentSnapshot { assignment, key_mode }));
        before
    }

    /// What is done with requests for keys of other pods from now on.
    pub(crate) fn handle_misroutes(&self, mode: MisrouteMode) {
        self.forwards.store(mode == MisrouteMode::Forward, Relaxed);
    }

    /// Whether requests for keys of other pods are sent on to them.
    pub(crate) fn forwards_misroutes(&self) -> bool {
        self.forwards.load(Relaxed)
    }
}
