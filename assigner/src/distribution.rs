//! Distribution: when all connected slicelets of a target have applied the newest assignment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use emberkeep_core::assigner::SessionId;
use emberkeep_core::assignment::Generation;
use emberkeep_core::target::TargetName;
use tokio::time::Instant;

/// The slicelets of each target that have not applied its newest assignment yet.
#[derive(Debug, Default)]
pub(crate) struct DistributionTracker {
    targets: Mutex<BTreeMap<TargetName, TargetDistribution>>,
}

#[derive(Debug, Default)]
struct TargetDistribution {
    sessions: BTreeSet<SessionId>,
    newest: Generation,
    /// When `newest` was published.
    published_at: Option<Instant>,
    /// The sessions that have not applied `newest`.
    pending: BTreeSet<SessionId>,
}

impl DistributionTracker {
    pub(crate) fn on_session_opened(&self, target: &TargetName, session: SessionId) {
        let mut targets = self.targets();
        targets.entry(target.clone()).or_default().sessions.insert(session);
    }

    /// A slicelet that has disconnected is not waited for. Returns the time since the publication if it was the last one.
    pub(crate) fn on_session_closed(&self, target: &TargetName, session: SessionId) -> Option<Duration> {
        let mut targets = self.targets();
        let target = targets.get_mut(target)?;
        target.sessions.remove(&session);
        target.complete(session)
    }

    /// Records that a slicelet has applied `newest`, which was published at `published_at`. Returns the time since then if
    /// it was the last one.
    pub(crate) fn on_applied(
        &self,
        target: &TargetName,
        session: SessionId,
        newest: Generation,
        published_at: Instant,
    ) -> Option<Duration> {
        let mut targets = self.targets();
        let target = targets.get_mut(target)?;
        if target.newest < newest {
            target.newest = newest;
            target.published_at = Some(published_at);
            target.pending.clone_from(&target.sessions);
        }
        target.complete(session)
    }

    fn targets(&self) -> MutexGuard<'_, BTreeMap<TargetName, TargetDistribution>> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TargetDistribution {
    fn complete(&mut self, session: SessionId) -> Option<Duration> {
        let was_pending = self.pending.remove(&session);
        let published_at = self.published_at.filter(|_| was_pending && self.pending.is_empty())?;
        Some(published_at.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_connected_slicelet_completes_the_distribution_of_a_generation() {
        let (tracker, target) = (DistributionTracker::default(), TargetName::try_new("t").unwrap());
        let (first, second) = (Generation::NONE.next(), Generation::NONE.next().next());
        let [a, b, c] = [1, 2, 3].map(SessionId);
        [a, b, c]
            .iter()
            .for_each(|session| tracker.on_session_opened(&target, *session));
        let completes = |session, generation| {
            let after = tracker.on_applied(&target, session, generation, Instant::now());
            after.is_some()
        };
        assert!(!completes(a, first));
        assert!(!completes(a, first), "a slicelet counts once");
        assert!(!completes(b, first));
        assert!(!completes(b, second), "a newer generation starts again");
        assert!(!completes(a, second));
        let completed = tracker.on_session_closed(&target, c);
        assert!(completed.is_some(), "a slicelet that has left is not waited for");
        tracker.on_session_opened(&target, c);
        assert!(
            !completes(c, second),
            "a slicelet that connected later is not waited for"
        );
        let third = second.next();
        assert_eq!([a, b, c].map(|session| completes(session, third)), [false, false, true]);
    }
}
