//! Peers: other pods that tell the assignment when no assigner does.

use std::time::Duration;

use emberkeep_core::slicelet::SessionEvent;
use emberkeep_core::target::TargetName;
use emberkeep_runtime::watch::{AssignmentWatcher, WatchSettings};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// A peer that holds an assignment tells it at once; one that does not may be starting itself.
const FIRST_UPDATE_TIMEOUT: Duration = Duration::from_secs(2);

/// Listens to the peers until the session needs them no more.
pub(super) async fn listen(
    target: TargetName,
    watcher: String,
    peers: Vec<String>,
    news: mpsc::Sender<SessionEvent>,
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
            let event = SessionEvent::PeerTold {
                assignment: held.assignment,
                key_mode: held.key_mode,
            };
            // Nobody listens only if the session has ended.
            let _ = news.send(event).await;
        }
    };
    left.run_until_cancelled(reporting).await;
}
