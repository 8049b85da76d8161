//! The builder: how a service starts its slicelet.

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

/// Gathers what a slicelet needs; from [`Slicelet::builder`].
#[derive(Debug, Clone)]
pub struct Builder<C: Codec = Raw> {
    config: UncheckedConfig,
    store: Option<Store>,
    codec: C,
}

impl Builder<Raw> {
    pub(crate) fn new(target: &str) -> Self {
        Self {
            config: UncheckedConfig::new(target),
            store: None,
            codec: Raw,
        }
    }
}

impl<C: Codec> Builder<C> {
    /// The URL of an assigner member; may be called for several.
    #[must_use]
    pub fn assigner(mut self, url: impl Into<String>) -> Self {
        self.config.assigners.push(url.into());
        self
    }

    /// The URL of another pod of the target, or one behind which there are all of them; may be called for several. Where no
    /// assigner answers when the pod starts, it learns from these who owns what, and takes the place of its earlier life.
    #[must_use]
    pub fn peer(mut self, url: impl Into<String>) -> Self {
        self.config.peers.push(url.into());
        self
    }

    /// `host:port` at which clerks reach this pod's gRPC server. Bind its listener before starting the slicelet.
    #[must_use]
    pub fn advertise(mut self, address: impl Into<String>) -> Self {
        self.config.advertise = Some(address.into());
        self
    }

    /// The pod's name, unique in the target. Without it, the environment variable `HOSTNAME` (which Kubernetes sets to
    /// the pod's name), or else a name made from the advertised address.
    #[must_use]
    pub fn pod_name(mut self, name: impl Into<String>) -> Self {
        self.config.pod_name = Some(name.into());
        self
    }

    /// The failure domain the pod runs in.
    #[must_use]
    pub fn zone(mut self, zone: impl Into<String>) -> Self {
        self.config.zone = zone.into();
        self
    }

    /// How much the pod can carry against the others, 0.001 to 1000; 1 without it.
    #[must_use]
    pub const fn weight(mut self, weight: f64) -> Self {
        self.config.weight = weight;
        self
    }

    /// Where the truth is.
    #[must_use]
    pub fn store(mut self, store: Store) -> Self {
        self.store = Some(store);
        self
    }

    /// How bytes become values and back; the bytes themselves without it.
    #[must_use]
    pub fn values<D: Codec>(self, codec: D) -> Builder<D> {
        Builder {
            config: self.config,
            store: self.store,
            codec,
        }
    }

    /// How much memory warm values may take; 1 GiB without it.
    #[must_use]
    pub const fn memory_budget(mut self, budget: ByteSize) -> Self {
        self.config.memory_budget = budget;
        self
    }

    /// How much memory the values of all owned keys together may take: the assigner gives the pod no more keys than fit,
    /// as long as there are other pods. Usually the memory budget; without it, memory does not count where keys are
    /// placed, and what does not fit is loaded again when it is asked for.
    #[must_use]
    pub const fn memory_capacity(mut self, capacity: ByteSize) -> Self {
        self.config.memory_capacity = Some(capacity);
        self
    }

    /// Keeps objects on disk, too: in `folder`, created if missing, and `size` bytes of it at most. What was read before a
    /// restart is found there, and what memory has no room for. Each pod needs a folder of its own. Objects of more than
    /// 16 MiB are not kept there. No disk without it.
    #[must_use]
    pub fn disk_cache(mut self, folder: impl Into<PathBuf>, size: ByteSize) -> Self {
        self.config.disk = Some(DiskSettings {
            folder: folder.into(),
            size,
        });
        self
    }

    /// How long a value counts after it was read; [`Freshness::OwnerWrites`] without it.
    #[must_use]
    pub const fn freshness(mut self, freshness: Freshness) -> Self {
        self.config.freshness = freshness;
        self
    }

    /// The service writes by its guards. Starting then fails if the store lets two writers overwrite each other.
    #[must_use]
    pub const fn writable(mut self) -> Self {
        self.config.is_writable = true;
        self
    }

    /// How many answered requests each key remembers, and for how long, for [`Guard::once`](crate::Guard::once); 256 for
    /// 15 minutes without it. They are written with each change of the key, so few and short answers are quick.
    #[must_use]
    pub const fn remember_requests(mut self, count: usize, age: Duration) -> Self {
        self.config.answered = AnsweredLimits { count, age };
        self
    }

    /// How many requests of the store may run at a time; 64 without it.
    #[must_use]
    pub const fn load_concurrency(mut self, count: usize) -> Self {
        self.config.load_concurrency = count;
        self
    }

    /// How long a request waits for its value to be loaded, or written; 10 s without it.
    #[must_use]
    pub const fn load_deadline(mut self, deadline: Duration) -> Self {
        self.config.load_deadline = deadline;
        self
    }

    /// Where `/metrics` and `/healthz` are served, as `127.0.0.1:9090`; port 0 takes any free one, see
    /// [`Slicelet::http_address`]. Nowhere without it.
    #[must_use]
    pub fn http_listen(mut self, address: impl Into<String>) -> Self {
        self.config.http_listen = Some(address.into());
        self
    }

    /// Whether SIGTERM drains the pod; true without it.
    #[must_use]
    pub const fn drain_on_sigterm(mut self, drains: bool) -> Self {
        self.config.drains_on_sigterm = drains;
        self
    }

    /// Starts the slicelet. It finds the assigner in the background and keeps trying; until there is an assignment it
    /// owns nothing.
    ///
    /// # Errors
    /// When a setting is missing or not allowed, or the address for metrics and health is taken.
    pub async fn start(self) -> Result<Slicelet<C>, SliceletError> {
        let store = self.store.ok_or(SliceletError::Missing { setting: "store" })?;
        Slicelet::start(self.config.check()?, store, self.codec).await
    }
}
