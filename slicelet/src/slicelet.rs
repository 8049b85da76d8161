//! The slicelet: one pod's part of a target.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assignment::Generation;
use emberkeep_core::keyspace::{Slice, SliceKey};
use emberkeep_core::pod::Pod;
use emberkeep_core::slicelet::Share;
use emberkeep_core::target::TargetName;
use emberkeep_core::time::Timestamp;
use emberkeep_proto::convert::NotOwner;
use emberkeep_runtime::clock::Clock;
use emberkeep_runtime::tasks::Tasks;
use emberkeep_runtime::watch::{AssignmentSnapshot, AssignmentSource, WatchLimits, WatchService};
use emberkeep_store::Store;
use prometheus::Registry;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::service::Routes;

use crate::builder::Builder;
use crate::codec::{Codec, Raw};
use crate::config::Settings;
use crate::error::SliceletError;
use crate::forward::{ForwardLayer, Forwarder};
use crate::guard::Guard;
use crate::holding::Holding;
use crate::metrics::Metrics;
use crate::own_error::OwnError;
use crate::published_state::PublishedState;
use crate::session::{self, SessionParts};
use crate::stats::Stats;
use crate::status;
use crate::stop_signal;
use crate::store_access::StoreAccess;
use crate::transfer::TransferService;
use crate::warm::{DiskTier, HashedKey, OwnershipFence, WarmParts, WarmStore, WriteError};
use crate::writer::Writer;

/// One pod's part of a target: knows which keys the pod owns, keeps their values warm, and stays in touch with the
/// assigner. Copies are the same slicelet; when the last one is gone, or after [`Slicelet::shutdown`], its tasks end.
pub struct Slicelet<C: Codec = Raw> {
    inner: Arc<Inner<C>>,
}

struct Inner<C: Codec> {
    settings: Settings,
    published: Arc<PublishedState>,
    warm: Arc<WarmStore<C>>,
    clock: Clock,
    metrics: Metrics,
    http_address: Option<SocketAddr>,
    drain: CancellationToken,
    drained: CancellationToken,
    tasks: Tasks,
    _ends_the_tasks: DropGuard,
}

/// How long tasks may take to end; none of them has much to finish.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(5);

impl Slicelet<Raw> {
    /// Begins to describe a slicelet of that target.
    #[must_use]
    pub fn builder(target: impl AsRef<str>) -> Builder<Raw> {
        Builder::new(target.as_ref())
    }
}

impl<C: Codec> Slicelet<C> {
    pub(crate) async fn start(settings: Settings, store: Store, codec: C) -> Result<Self, SliceletError> {
        let (clock, tasks) = (Clock::start(), Tasks::new());
        let ends_the_tasks = tasks.stop().clone().drop_guard();
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
        let inner = Inner {
            settings,
            published,
            warm,
            clock,
            metrics,
            http_address,
            drain,
            drained,
            _ends_the_tasks: ends_the_tasks,
            tasks,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The right to answer for `key`, if this pod has it. Takes no lock, makes no call, allocates nothing.
    ///
    /// # Errors
    /// When another pod owns the key: return the error as a [`tonic::Status`], and the clerk goes there.
    // Inlined always, so that the guard is made where it is used: copying it there took a quarter of the time.
    #[inline(always)]
    pub fn own<'a>(&'a self, key: &'a (impl AsRef<[u8]> + ?Sized)) -> Result<Guard<'a, C>, OwnError> {
        let key = HashedKey::try_new(key.as_ref())?;
        let holding = self.inner.published.holding.load();
        let slice_key = key.slice_key(holding.key_mode);
        let (range, share) = holding.ownership.share_of(&slice_key);
        let Some(share) = share.filter(|share| Share::may_answer(share)) else {
            return Err(self.not_owner(&holding, &slice_key));
        };
        let ordinal = holding.count_request(range);
        self.inner.published.heat.sample(&slice_key, 1, ordinal);
        let fence = holding.fence(range, share, self.inner.settings.warm.freshness);
        Ok(Guard::new(self, key, slice_key, fence, share.epoch))
    }

    /// All that the pod's gRPC server carries beside the service itself, for clerks and other pods: the watch of this pod's
    /// assignment, so that they start and run with no assigner alive; and the transfer of warm values, so that whoever gets
    /// one of its slices has them before it is asked.
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
        let Inner {
            warm,
            published,
            drained,
            ..
        } = &*self.inner;
        let copy = AssignmentCopy {
            target: self.inner.settings.target.clone(),
            held: self.assignment(),
        };
        // A server that shuts down waits for its streams, so those end with the drain.
        let watch = WatchService::new(copy, WatchLimits::default(), drained.clone());
        let transfer = TransferService::new(Arc::clone(warm), Arc::clone(published), drained.clone());
        Routes::new(watch.into_server()).add_service(transfer.into_server())
    }

    /// A layer around the pod's services, as `Server::builder().layer(slicelet.forward_layer())`: while the target's
    /// setting `misroute` is `forward`, requests that a service refuses because another pod owns the key are sent on to
    /// that pod, within their deadline and at most twice, and get its answer.
    ///
    /// For clients that cannot go to the owner themselves. A clerk gets the answer too, and learns whom to ask next time.
    /// Requests with bodies of more than 4 MiB, and those that the client streams, are refused as without the layer.
    #[must_use]
    pub fn forward_layer(&self) -> ForwardLayer {
        let Inner { published, metrics, .. } = &*self.inner;
        ForwardLayer::new(Forwarder::new(Arc::clone(published), metrics.forwards.clone()))
    }

    /// The newest assignment, now and later; `None` before the first one.
    #[must_use]
    pub fn assignment(&self) -> watch::Receiver<Option<AssignmentSnapshot>> {
        self.inner.published.held.subscribe()
    }

    /// Asks for the pod's slices to be moved elsewhere, as SIGTERM does. The pod keeps answering meanwhile; see
    /// [`Slicelet::drained`].
    pub fn drain(&self) {
        self.inner.drain.cancel();
    }

    /// Ends when the pod may stop: after a drain, once others serve what it owned (or there is nowhere to move it and
    /// the drain timeout is over); when the assigner lets it go; or when the slicelet itself has stopped. Made for
    /// `serve_with_incoming_shutdown`.
    pub fn drained(&self) -> impl Future<Output = ()> + Send + use<C> {
        self.inner.drained.clone().cancelled_owned()
    }

    /// What the slicelet has done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let Inner {
            published,
            warm,
            metrics,
            ..
        } = &*self.inner;
        Stats::of(metrics, published, warm)
    }

    /// The metrics, for a service that exposes them with its own.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.inner.metrics.registry
    }

    /// Where metrics and health are served, if they are.
    #[must_use]
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.inner.http_address
    }

    /// The pod as it registers.
    #[must_use]
    pub fn pod(&self) -> &Pod {
        &self.inner.settings.pod
    }

    /// The slices that the pod serves now.
    #[must_use]
    pub fn served_slices(&self) -> Vec<Slice> {
        let holding = self.inner.published.holding.load();
        let is_serving = |(_, share): &(Slice, Share)| share.phase.is_routed_to();
        holding
            .ownership
            .owned()
            .filter(is_serving)
            .map(|(slice, _)| slice)
            .collect()
    }

    /// Ends the session and every other task, within seconds: what is being written is written to its end. Drain first
    /// where the slices are to move without a gap.
    pub async fn shutdown(&self) {
        self.inner.tasks.shutdown(SHUTDOWN_DEADLINE).await;
        self.inner.warm.close().await;
    }

    #[inline]
    pub(crate) fn warm_store(&self) -> &WarmStore<C> {
        &self.inner.warm
    }

    #[inline]
    pub(crate) fn published(&self) -> &PublishedState {
        &self.inner.published
    }

    /// Fails if the slicelet was not started to write.
    pub(crate) fn writer<E>(&self) -> Result<Writer<'_, C>, WriteError<E>> {
        let Settings { is_writable, warm, .. } = &self.inner.settings;
        match is_writable {
            true => Ok(Writer::new(&self.inner.warm, warm.answered, &self.inner.metrics)),
            false => Err(WriteError::ReadOnly),
        }
    }

    pub(crate) fn load_concurrency(&self) -> usize {
        self.inner.settings.admission.concurrency
    }

    /// When a read or write that begins now has to be done.
    pub(crate) fn deadline(&self, patience: Option<Duration>) -> Timestamp {
        let allowed = self.inner.settings.load_deadline;
        self.inner.clock.now() + patience.map_or(allowed, |patience| patience.min(allowed))
    }

    /// By what right a key may be written that the pod has held since it went by generation `since`.
    ///
    /// A pod that is leaving a slice may still answer what it knows, but not write: the new owner would not see it.
    pub(crate) fn fence(&self, slice_key: &SliceKey, since: Generation) -> Result<OwnershipFence, OwnError> {
        let holding = self.inner.published.holding.load();
        let (range, share) = holding.ownership.share_of(slice_key);
        match share {
            Some(share) if share.may_write() && share.held_since <= since => {
                Ok(holding.fence(range, share, self.inner.settings.warm.freshness))
            }
            Some(_) | None => Err(self.not_owner(&holding, slice_key)),
        }
    }

    /// Charges more load to the slice that holds the key now.
    pub(crate) fn charge(&self, slice_key: &SliceKey, units: u64) {
        let holding = self.inner.published.holding.load();
        let (range, _) = holding.ownership.share_of(slice_key);
        let ordinal = holding.count_extra(range, units);
        self.inner.published.heat.sample(slice_key, units, ordinal);
    }

    #[cold]
    fn not_owner(&self, holding: &Holding, slice_key: &SliceKey) -> OwnError {
        self.inner.metrics.misroutes.inc();
        let (slice, owner) = holding.ownership.server_of(slice_key);
        OwnError::NotOwner(Box::new(NotOwner {
            generation: holding.ownership.generation(),
            slice,
            owner: owner.cloned(),
        }))
    }
}

async fn disk_tier(settings: &Settings, store: &Store) -> Result<Option<DiskTier>, SliceletError> {
    match &settings.disk {
        Some(disk) => Ok(Some(DiskTier::open(disk, store.place()).await?)),
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

/// The pod's copy of its target's assignment: what [`Slicelet::routes`] serve.
#[derive(Debug)]
struct AssignmentCopy {
    target: TargetName,
    held: watch::Receiver<Option<AssignmentSnapshot>>,
}

impl AssignmentSource for AssignmentCopy {
    fn subscribe(&self, target: &TargetName) -> Option<watch::Receiver<Option<AssignmentSnapshot>>> {
        (self.target == *target).then(|| self.held.clone())
    }
}
