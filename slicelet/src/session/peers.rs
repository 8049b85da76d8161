//! Peers: other pods, as sources of the assignment while no assigner answers.

use std::time::Duration;

use emberkeep_core::slicelet::SessionEvent;
use emberkeep_core::target::TargetName;
use emberkeep_runtime::watch::{AssignmentWatcher, WatchSettings};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The wait for a peer's assignment. A peer with an assignment sends it at once; one without may be starting itself, so the
/// next peer is tried.
const FIRST_UPDATE_TIMEOUT: Duration = Duration::from_secs(2);

/// Watches the peers and reports their assignments to the brain, until `left` is cancelled.
pub(super) async fn watch(
    target: TargetName,
    watcher: String,
    peers: Vec<String>,
    events: mpsc::Sender<SessionEvent>,
    left: CancellationToken,
) {
    let settings = WatchSettings {
        first_update_timeout: FIRST_UPDATE_TIMEOUT,
        ..WatchSettings::new(target, peers, watcher)
    };
    let watcher = AssignmentWatcher::start(settings, &left);
    let mut newest = watcher.held();
    let reporting = async {
        while newest.changed().await.is_ok() {
            let Some(held) = newest.borrow_and_update().clone() else {
                continue;
            };
            let event = SessionEvent::PeerAssignmentReceived {
                assignment: held.assignment,
                key_mode: held.key_mode,
            };
            // The receiver is gone only after the session has ended.
            let _ = events.send(event).await;
        }
    };
    left.run_until_cancelled(reporting).await;
}
