//! Viewers of a target: which one they ask for, and how many there may be.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::RawQuery;
use emberkeep_core::target::TargetName;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::live_views::{LiveView, ViewReceiver};
use super::observer::PageObserver;
use super::page_error::PageError;

/// The most viewers at the same time; further ones get 503.
const VIEWERS_MAX: usize = 64;
/// The deadline of the first view.
const FIRST_VIEW_DEADLINE: Duration = Duration::from_secs(10);

/// Admits viewers, up to a bound.
#[derive(Clone)]
pub(super) struct PageViewers {
    observer: Arc<PageObserver>,
    permits: Arc<Semaphore>,
}

/// One admitted viewer of a target.
pub(super) struct Viewer {
    view: ViewReceiver,
    /// Counts the viewer until it leaves.
    _permit: OwnedSemaphorePermit,
}

/// The target in a query string; the first one if it is absent.
#[derive(Debug, Deserialize)]
struct ViewQuery {
    target: Option<String>,
}

impl PageViewers {
    pub(super) fn new(observer: Arc<PageObserver>) -> Self {
        Self {
            observer,
            permits: Arc::new(Semaphore::new(VIEWERS_MAX)),
        }
    }

    /// Admits a viewer of the target in the query string.
    pub(super) fn admit(&self, query: &RawQuery) -> Result<Viewer, PageError> {
        let ViewQuery { target } = parsed(query)?;
        let target = self.target(target.as_deref())?;
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        let permit = permit.map_err(|_| {
            PageError::Unavailable(format!(
                "{VIEWERS_MAX} viewers watch this member already, use another member"
            ))
        })?;
        let mut view = self.observer.views.subscribe(target);
        // A view that exists already is the first one of this viewer.
        view.mark_changed();
        Ok(Viewer { view, _permit: permit })
    }

    fn target(&self, name: Option<&str>) -> Result<Option<TargetName>, PageError> {
        let cluster = self.observer.member.state().borrow().clone();
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return Ok(cluster.targets().keys().next().cloned());
        };
        let target = TargetName::try_new(name).map_err(|error| PageError::BadInput(error.to_string()))?;
        match cluster.target(&target) {
            Some(_) => Ok(Some(target)),
            None => Err(PageError::NotFound(format!("there is no target {target}"))),
        }
    }
}

impl Viewer {
    /// The next view; `None` once there are no more.
    pub(super) async fn next_view(&mut self) -> Option<Arc<LiveView>> {
        loop {
            self.view.changed().await.ok()?;
            let view = self.view.borrow_and_update().clone();
            if view.is_some() {
                return view;
            }
        }
    }

    /// The first view, which is computed if nobody watched the target.
    pub(super) async fn first_view(&mut self) -> Result<Arc<LiveView>, PageError> {
        let view = timeout(FIRST_VIEW_DEADLINE, self.view.wait_for(Option::is_some)).await;
        let view = view.ok().and_then(Result::ok).and_then(|view| view.clone());
        view.ok_or_else(|| PageError::Unavailable(format!("there was no view within {FIRST_VIEW_DEADLINE:?}")))
    }
}

/// The fields of a query string.
pub(super) fn parsed<T: DeserializeOwned>(RawQuery(query): &RawQuery) -> Result<T, PageError> {
    let parsed = serde_urlencoded::from_str(query.as_deref().unwrap_or_default());
    parsed.map_err(|error| PageError::BadInput(format!("the query string is invalid: {error}")))
}
