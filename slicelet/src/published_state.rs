//! The state that the session publishes and requests read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use arc_swap::ArcSwap;
use emberkeep_core::slicelet::Ownership;
use emberkeep_core::target::{KeyMode, MisrouteMode};
use emberkeep_core::time::Timestamp;
use emberkeep_runtime::watch::AssignmentSnapshot;
use tokio::sync::watch;

use crate::ownership_snapshot::OwnershipSnapshot;
use crate::request_sampler::RequestSampler;

/// Written by the session, read by requests, which also count into it. No access waits for another.
#[derive(Debug)]
pub(crate) struct PublishedState {
    pub(crate) snapshot: ArcSwap<OwnershipSnapshot>,
    pub(crate) assignment: watch::Sender<Option<AssignmentSnapshot>>,
    pub(crate) sampler: RequestSampler,
    forwards: AtomicBool,
}

impl PublishedState {
    /// The state before the first assignment: the pod owns nothing.
    pub(crate) fn nothing() -> Self {
        Self {
            snapshot: ArcSwap::from_pointee(OwnershipSnapshot::none()),
            assignment: watch::Sender::new(None),
            sampler: RequestSampler::new(),
            forwards: AtomicBool::new(false),
        }
    }

    /// Puts `ownership` into effect for all requests from `now` on. Returns the snapshot it replaces, with its counts.
    pub(crate) fn publish(
        &self,
        ownership: Arc<Ownership>,
        key_mode: KeyMode,
        now: Timestamp,
    ) -> Arc<OwnershipSnapshot> {
        let assignment = Arc::clone(ownership.assignment());
        let next = self.snapshot.load().followed_by(ownership, key_mode, now);
        let before = self.snapshot.swap(Arc::new(next));
        self.assignment
            .send_replace(Some(AssignmentSnapshot { assignment, key_mode }));
        before
    }

    /// Sets the handling of requests for keys of other pods.
    pub(crate) fn handle_misroutes(&self, mode: MisrouteMode) {
        self.forwards.store(mode == MisrouteMode::Forward, Relaxed);
    }

    /// Whether requests for keys of other pods are forwarded to their owner.
    pub(crate) fn forwards_misroutes(&self) -> bool {
        self.forwards.load(Relaxed)
    }
}
