//! The live views: the newest view of each target that somebody watches, shared by all viewers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use emberkeep_core::target::TargetName;
use tokio::sync::{Notify, watch};

use super::pod_rows::PodRow;

/// A view that was computed once for all its viewers.
#[derive(Debug)]
pub(super) struct LiveView {
    /// Cluster and target, as the page reads them.
    pub(super) json: Arc<str>,
    /// All pods of the target.
    pub(super) rows: Vec<PodRow>,
}

/// The newest view of a target; `None` until it is computed for the first viewer.
pub(super) type ViewReceiver = watch::Receiver<Option<Arc<LiveView>>>;

/// `None` stands for a cluster without targets.
type ViewSenders = BTreeMap<Option<TargetName>, watch::Sender<Option<Arc<LiveView>>>>;

/// The views of all targets with viewers.
#[derive(Debug, Default)]
pub(super) struct LiveViews {
    views: Mutex<ViewSenders>,
    /// Notified for the first viewer of a target, who should not wait for the next round.
    first_viewer: Notify,
}

impl LiveViews {
    /// Subscribes to the views of an existing target.
    pub(super) fn subscribe(&self, target: Option<TargetName>) -> ViewReceiver {
        let mut views = self.views();
        let view = views.entry(target).or_insert_with(|| watch::Sender::new(None));
        if view.receiver_count() == 0 {
            // The view of an earlier viewer is out of date.
            view.send_replace(None);
            self.first_viewer.notify_one();
        }
        view.subscribe()
    }

    /// The targets with viewers; views without any are dropped.
    pub(super) fn viewed(&self) -> Vec<Option<TargetName>> {
        let mut views = self.views();
        views.retain(|_, view| view.receiver_count() > 0);
        views.keys().cloned().collect()
    }

    /// Sends a view to all viewers of the target.
    pub(super) fn publish(&self, target: &Option<TargetName>, view: LiveView) {
        if let Some(sender) = self.views().get(target) {
            sender.send_replace(Some(Arc::new(view)));
        }
    }

    /// Waits for the first viewer of a target.
    pub(super) async fn first_viewer(&self) {
        self.first_viewer.notified().await;
    }

    fn views(&self) -> MutexGuard<'_, ViewSenders> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(json: &str) -> LiveView {
        LiveView {
            json: json.into(),
            rows: Vec::new(),
        }
    }

    #[test]
    fn viewers_share_a_view_and_later_ones_get_no_old_one() {
        let live = LiveViews::default();
        assert!(live.viewed().is_empty());
        let one = live.subscribe(None);
        let two = live.subscribe(None);
        live.publish(&None, view("{}"));
        let shown = [&one, &two].map(|viewer| viewer.borrow().clone().unwrap());
        assert!(Arc::ptr_eq(&shown[0], &shown[1]));
        assert_eq!(live.viewed(), [None]);
        drop((one, two));
        assert!(live.subscribe(None).borrow().is_none());
        assert!(live.viewed().is_empty());
    }
}
