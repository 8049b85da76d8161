//! The builder: collects settings and components, and starts the slicelet.

use std::path::PathBuf;
use std::time::Duration;

use emberkeep_core::slicelet::AnsweredLimits;
use emberkeep_store::Store;

use crate::byte_size::ByteSize;
use crate::codec::{Codec, Raw};
use crate::config::UncheckedConfig;
use crate::error::SliceletError;
use crate::slicelet::Slicelet;
use crate::warm::{DiskSettings, Freshness};

/// Builds a [`Slicelet`]; from [`Slicelet::builder`].
#[derive(Debug, Clone)]
pub struct Builder<C: Codec = Raw> {
    config: UncheckedConfig,
    store: Option<Store>,
    codec: C,
}

impl Slicelet<Raw> {
    /// Starts to build a slicelet of `target`. [`Builder::assigner`], [`Builder::advertise`] and [`Builder::store`] are
    /// required; every other setting has a default.
    #[must_use]
    pub fn builder(target: impl AsRef<str>) -> Builder<Raw> {
        Builder {
            config: UncheckedConfig::new(target.as_ref()),
            store: None,
            codec: Raw,
        }
    }
}

impl<C: Codec> Builder<C> {
    /// Adds the URL of an assigner member.
    #[must_use]
    pub fn assigner(mut self, url: impl Into<String>) -> Self {
        self.config.assigners.push(url.into());
        self
    }

    /// Adds the URL of another pod of the target, or of a load balancer in front of them. If no assigner answers when the
    /// pod starts, it takes the assignment from a peer, and resumes the slices of its earlier incarnation.
    #[must_use]
    pub fn peer(mut self, url: impl Into<String>) -> Self {
        self.config.peers.push(url.into());
        self
    }

    /// The `host:port` at which clerks reach this pod's gRPC server. Bind its listener before starting the slicelet.
    #[must_use]
    pub fn advertise(mut self, address: impl Into<String>) -> Self {
        self.config.advertise = Some(address.into());
        self
    }

    /// The pod's name, unique in the target. Default: the environment variable `HOSTNAME` (which Kubernetes sets to the
    /// pod's name), else a name derived from the advertised address.
    #[must_use]
    pub fn pod_name(mut self, name: impl Into<String>) -> Self {
        self.config.pod_name = Some(name.into());
        self
    }

    /// The failure domain the pod runs in, at most 253 bytes. Default: none.
    #[must_use]
    pub fn zone(mut self, zone: impl Into<String>) -> Self {
        self.config.zone = zone.into();
        self
    }

    /// The pod's capacity relative to other pods, 0.001 to 1000. Default: 1.
    #[must_use]
    pub const fn weight(mut self, weight: f64) -> Self {
        self.config.weight = weight;
        self
    }

    /// The object store that holds the target's durable state.
    #[must_use]
    pub fn store(mut self, store: Store) -> Self {
        self.store = Some(store);
        self
    }

    /// The codec between objects and values. Default: [`Raw`], the bytes themselves.
    #[must_use]
    pub fn values<D: Codec>(self, codec: D) -> Builder<D> {
        Builder {
            config: self.config,
            store: self.store,
            codec,
        }
    }

    /// Memory for warm values, at least 1 MiB; the coldest are evicted above it. Default: 1 GiB.
    #[must_use]
    pub const fn memory_budget(mut self, budget: ByteSize) -> Self {
        self.config.memory_budget = budget;
        self
    }

    /// Memory for the values of all owned keys together, at least 1 MiB: the assigner places no more keys on the pod than
    /// fit, as long as other pods have room. Usually the memory budget. Default: none; placement ignores memory, and
    /// values evicted for lack of it are loaded again when requested.
    #[must_use]
    pub const fn memory_capacity(mut self, capacity: ByteSize) -> Self {
        self.config.memory_capacity = Some(capacity);
        self
    }

    /// Caches objects on disk in `folder`, created if missing, up to `size` (at least 256 MiB): objects read before a
    /// restart, and those evicted from memory. Each pod needs its own folder. Objects of more than 16 MiB are not cached.
    /// Default: no disk cache.
    #[must_use]
    pub fn disk_cache(mut self, folder: impl Into<PathBuf>, size: ByteSize) -> Self {
        self.config.disk = Some(DiskSettings {
            folder: folder.into(),
            size,
        });
        self
    }

    /// How long a value may be used after it was read, and who writes it. Default: [`Freshness::OwnerWrites`].
    #[must_use]
    pub const fn freshness(mut self, freshness: Freshness) -> Self {
        self.config.freshness = freshness;
        self
    }

    /// Permits writes through guards. Starting then fails if the store does not support conditional writes, without which
    /// two writers could overwrite each other.
    #[must_use]
    pub const fn writable(mut self) -> Self {
        self.config.is_writable = true;
        self
    }

    /// How many answered requests each key stores for [`Guard::once`](crate::Guard::once), 1 to 10,000, and for how long,
    /// at most 30 days. They are rewritten with each change of the key, which many or long answers slow down. Default: 256
    /// for 15 minutes.
    #[must_use]
    pub const fn remember_requests(mut self, count: usize, age: Duration) -> Self {
        self.config.answered = AnsweredLimits { count, age };
        self
    }

    /// Requests of the store in progress at a time, 1 to 10,000. Default: 64.
    #[must_use]
    pub const fn load_concurrency(mut self, count: usize) -> Self {
        self.config.load_concurrency = count;
        self
    }

    /// The longest that a request waits for its value to be loaded or written, 1 ms to 10 minutes. Default: 10 s.
    #[must_use]
    pub const fn load_deadline(mut self, deadline: Duration) -> Self {
        self.config.load_deadline = deadline;
        self
    }

    /// The listen address of `/metrics` and `/healthz`, as `127.0.0.1:9090`; port 0 picks a free one, see
    /// [`Slicelet::http_address`]. Default: not served.
    #[must_use]
    pub fn http_listen(mut self, address: impl Into<String>) -> Self {
        self.config.http_listen = Some(address.into());
        self
    }

    /// Logs one in so many requests that pass [`Slicelet::request_layer`](crate::Slicelet::request_layer), at the level
    /// INFO; 0 for none. Default: 0.
    #[must_use]
    pub const fn log_requests(mut self, one_in: u64) -> Self {
        self.config.logs_one_in = one_in;
        self
    }

    /// Whether SIGTERM drains the pod. Default: true.
    #[must_use]
    pub const fn drain_on_sigterm(mut self, drains: bool) -> Self {
        self.config.drains_on_sigterm = drains;
        self
    }

    /// Starts the slicelet. It connects to an assigner in the background, retrying until it succeeds, and owns nothing
    /// before its first assignment.
    ///
    /// # Errors
    /// A setting is missing or out of range, the store or disk cache is unusable, or the listen address of metrics and
    /// health is unavailable; see [`SliceletError`].
    pub async fn start(self) -> Result<Slicelet<C>, SliceletError> {
        let store = self.store.ok_or(SliceletError::Missing { setting: "store" })?;
        Slicelet::start(self.config.check()?, store, self.codec).await
    }
}
