//! The slicelet: one pod's part of a target.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::keyspace::Slice;
use emberkeep_core::pod::Pod;
use emberkeep_core::slicelet::Share;
use emberkeep_core::target::TargetName;
use emberkeep_runtime::clock::Clock;
use emberkeep_runtime::tasks::Tasks;
use emberkeep_runtime::watch::{AssignmentSnapshot, AssignmentSource, WatchLimits, WatchService};
use emberkeep_store::Store;
use prometheus::Registry;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::service::Routes;

use crate::codec::{Codec, Raw};
use crate::config::Settings;
use crate::error::SliceletError;
use crate::forward::{ForwardLayer, Forwarder};
use crate::guard::Guard;
use crate::key_access::KeyAccess;
use crate::metrics::Metrics;
use crate::own_error::OwnError;
use crate::published_state::PublishedState;
use crate::request::{self, RequestLayer, RequestObserver};
use crate::session::{self, SessionParts};
use crate::stats::Stats;
use crate::status;
use crate::stop_signal;
use crate::store_access::StoreAccess;
use crate::transfer::TransferService;
use crate::warm::{DiskTier, HashedKey, WarmParts, WarmStore};

/// One pod's part of a target: knows which keys the pod owns, keeps their values warm, and maintains the session with the
/// assigner. Clones share one slicelet; its tasks end with the last clone, or with [`Slicelet::shutdown`].
pub struct Slicelet<C: Codec = Raw> {
    inner: Arc<RunningSlicelet<C>>,
}

struct RunningSlicelet<C: Codec> {
    access: KeyAccess<C>,
    settings: Settings,
    http_address: Option<SocketAddr>,
    drain: CancellationToken,
    drained: CancellationToken,
    tasks: Tasks,
    _stops_tasks: DropGuard,
}

/// How long [`Slicelet::shutdown`] waits for tasks to end. Only a write in progress takes longer than a moment.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(5);

impl<C: Codec> Slicelet<C> {
    pub(crate) async fn start(settings: Settings, store: Store, codec: C) -> Result<Self, SliceletError> {
        let (clock, tasks) = (Clock::start(), Tasks::new());
        let stops_tasks = tasks.stop().clone().drop_guard();
        let (drain, drained) = (CancellationToken::new(), tasks.stop().child_token());
        let metrics = Metrics::new(settings.target.as_str());
        let published = Arc::new(PublishedState::nothing());
        if settings.is_writable {
            store.require_conditional_writes().await?;
        }
        let store_access = StoreAccess::start(settings.admission, clock, &tasks, metrics.clone());
        let parts = WarmParts {
            target: settings.target.clone(),
            settings: settings.warm.clone(),
            disk: disk_tier(&settings, &store).await?,
            store,
            access: store_access.clone(),
            clock,
            metrics: metrics.clone(),
            tasks: tasks.clone(),
        };
        let warm = Arc::new(WarmStore::new(codec, parts));
        if settings.drains_on_sigterm {
            stop_signal::drain_on_sigterm(&tasks, drain.clone())?;
        }
        let http_address = match settings.http_listen {
            Some(address) => Some(status::serve(address, &tasks, &metrics, &published).await?),
            None => None,
        };
        session::start(SessionParts {
            target: settings.target.clone(),
            pod: settings.pod.clone(),
            assigners: settings.assigners.clone(),
            peers: settings.peers.clone(),
            peers_left: tasks.stop().child_token(),
            published: Arc::clone(&published),
            warm: Arc::clone(&warm),
            store_access,
            metrics: metrics.clone(),
            clock,
            tasks: tasks.clone(),
            drain: drain.clone(),
            drained: drained.clone(),
        });
        let inner = RunningSlicelet {
            access: key_access(&settings, published, warm, metrics),
            settings,
            http_address,
            drain,
            drained,
            _stops_tasks: stops_tasks,
            tasks,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Checks that this pod owns `key` and returns the guard for it. Takes no lock, does no I/O, allocates nothing.
    ///
    /// # Errors
    /// Another pod owns the key: return the error as a [`tonic::Status`], and the clerk goes to the owner.
    // Always inlined, so that the guard is built in the caller's frame: copying it there took a quarter of the time.
    #[inline(always)]
    pub fn own<'a>(&'a self, key: &'a (impl AsRef<[u8]> + ?Sized)) -> Result<Guard<'a, C>, OwnError> {
        let access = &self.inner.access;
        let key = HashedKey::try_new(key.as_ref())?;
        let snapshot = access.published.snapshot.load();
        let slice_key = key.slice_key(snapshot.key_mode);
        let (range, share) = snapshot.ownership.share_of(&slice_key);
        let Some(share) = share.filter(|share| Share::may_answer(share)) else {
            return Err(access.not_owner(&snapshot, &slice_key));
        };
        let ordinal = snapshot.count_request(range);
        access.published.sampler.sample(&slice_key, 1, ordinal);
        let fence = snapshot.fence(range, share, access.freshness);
        if request::is_observed() {
            request::on_owned(snapshot.ownership.assignment().get(&slice_key).0, share.epoch);
        }
        Ok(Guard::new(access, key, slice_key, fence, share.epoch))
    }

    /// The gRPC services for clerks and other pods, to be added to the pod's server: the watch of this pod's assignment,
    /// from which clerks start and run while no assigner is reachable, and the transfer of warm values to the next owner
    /// of a slice.
    ///
    /// ```no_run
    /// # use emberkeep_slicelet::Slicelet;
    /// # fn example(slicelet: &Slicelet) {
    /// let server = tonic::transport::Server::builder().add_routes(slicelet.routes());
    /// // .add_service(YourServiceServer::new(..)).serve_with_incoming_shutdown(.., slicelet.drained())
    /// # }
    /// ```
    #[must_use]
    pub fn routes(&self) -> Routes {
        let RunningSlicelet { access, drained, .. } = &*self.inner;
        let assignment = ServedAssignment {
            target: self.inner.settings.target.clone(),
            assignment: self.assignment(),
        };
        // A server shuts down only after its streams have ended, so both services end theirs with the drain.
        let watch = WatchService::new(assignment, WatchLimits::default(), drained.clone());
        let watchers = access.metrics.watchers.clone();
        let watch = watch.counted_in(move |_| watchers.clone());
        let (warm, published) = (Arc::clone(&access.warm), Arc::clone(&access.published));
        let transfer = TransferService::new(warm, published, drained.clone());
        Routes::new(watch.into_server()).add_service(transfer.into_server())
    }

    /// A layer for the pod's services, as `Server::builder().layer(slicelet.forward_layer())`. While the target's setting
    /// `misroute` is `forward`, a request that a service rejects with `NotOwner` is forwarded to the owner, within the
    /// request's deadline and at most twice, and the caller gets the owner's response.
    ///
    /// For clients without a clerk. A clerk also gets the response, with the owner for its next request. Requests with
    /// bodies of more than 4 MiB, and client streams still open at the rejection, are not forwarded.
    #[must_use]
    pub fn forward_layer(&self) -> ForwardLayer {
        let KeyAccess { published, metrics, .. } = &self.inner.access;
        ForwardLayer::new(Forwarder::new(Arc::clone(published), metrics.forwards.clone()))
    }

    /// A layer for the pod's services, outside of all others: `Server::builder().layer(slicelet.request_layer())`. Each
    /// sampled request has a span, which continues the trace of its sender, and one in
    /// [`Builder::log_requests`](crate::Builder::log_requests) a line in the log, with its slice, its duration, and
    /// whether its value was warm. Other requests pass through it unchanged.
    #[must_use]
    pub fn request_layer(&self) -> RequestLayer {
        let Settings {
            target,
            pod,
            logs_one_in,
            ..
        } = &self.inner.settings;
        let observer = RequestObserver::new(target.clone(), pod.name.to_string(), *logs_one_in);
        RequestLayer::new(Arc::new(observer))
    }

    /// Watches the assignment in effect on this pod; `None` before the first one.
    #[must_use]
    pub fn assignment(&self) -> watch::Receiver<Option<AssignmentSnapshot>> {
        self.inner.access.published.assignment.subscribe()
    }

    /// Requests that the pod's slices move to other pods, as SIGTERM does. The pod keeps answering meanwhile; see
    /// [`Slicelet::drained`].
    pub fn drain(&self) {
        self.inner.drain.cancel();
    }

    /// Completes when the pod may stop: after a drain, once other pods serve its slices or, with no pod to move them to,
    /// once the drain timeout has expired; when the assigner permits the exit; or when the slicelet itself has stopped.
    /// Intended for `serve_with_incoming_shutdown`.
    pub fn drained(&self) -> impl Future<Output = ()> + Send + use<C> {
        self.inner.drained.clone().cancelled_owned()
    }

    /// Counts since the start, and the present state.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let KeyAccess {
            published,
            warm,
            metrics,
            ..
        } = &self.inner.access;
        Stats::of(metrics, published, warm)
    }

    /// The registry of the slicelet's metrics, for a service that exposes them with its own.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.inner.access.metrics.registry
    }

    /// The bound address of `/metrics` and `/healthz`; `None` without [`Builder::http_listen`](crate::Builder::http_listen).
    #[must_use]
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.inner.http_address
    }

    /// The pod as registered with the assigner.
    #[must_use]
    pub fn pod(&self) -> &Pod {
        &self.inner.settings.pod
    }

    /// The slices that the pod serves now.
    #[must_use]
    pub fn served_slices(&self) -> Vec<Slice> {
        let snapshot = self.inner.access.published.snapshot.load();
        let is_serving = |(_, share): &(Slice, Share)| share.phase.is_routed_to();
        snapshot
            .ownership
            .owned()
            .filter(is_serving)
            .map(|(slice, _)| slice)
            .collect()
    }

    /// Ends the session and all other tasks, within seconds; writes in progress are completed. To move the slices without
    /// a gap, drain first.
    pub async fn shutdown(&self) {
        self.inner.tasks.shutdown(SHUTDOWN_DEADLINE).await;
        self.inner.access.warm.close().await;
    }

    pub(crate) fn access(&self) -> &KeyAccess<C> {
        &self.inner.access
    }
}

fn key_access<C: Codec>(
    settings: &Settings,
    published: Arc<PublishedState>,
    warm: Arc<WarmStore<C>>,
    metrics: Metrics,
) -> KeyAccess<C> {
    KeyAccess {
        published,
        warm,
        metrics,
        freshness: settings.warm.freshness,
        is_writable: settings.is_writable,
        load_deadline: settings.load_deadline,
        load_concurrency: settings.admission.concurrency,
    }
}

async fn disk_tier(settings: &Settings, store: &Store) -> Result<Option<DiskTier>, SliceletError> {
    match &settings.disk {
        Some(disk) => Ok(Some(DiskTier::open(disk, store.location()).await?)),
        None => Ok(None),
    }
}

impl<C: Codec> Clone for Slicelet<C> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<C: Codec> std::fmt::Debug for Slicelet<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slicelet")
            .field("target", &self.inner.settings.target)
            .field("pod", &self.inner.settings.pod.name)
            .finish_non_exhaustive()
    }
}

/// The assignment in effect on this pod, as served by [`Slicelet::routes`].
#[derive(Debug)]
struct ServedAssignment {
    target: TargetName,
    assignment: watch::Receiver<Option<AssignmentSnapshot>>,
}

impl AssignmentSource for ServedAssignment {
    fn subscribe(&self, target: &TargetName) -> Option<watch::Receiver<Option<AssignmentSnapshot>>> {
        (self.target == *target).then(|| self.assignment.clone())
    }
}
