//! Two pods on one store, without sessions or assigner: each a warm store and its published state.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use emberkeep_core::assignment::{Assignment, Phase, Proposal, ReplicaSet};
use emberkeep_core::keyspace::{Slice, SliceKey, SliceMap};
use emberkeep_core::pod::{Incarnation, PodAddress, PodName};
use emberkeep_core::slicelet::admission::AdmissionSettings;
use emberkeep_core::slicelet::{AnsweredLimits, Identity};
use emberkeep_core::target::{KeyMode, TargetName};
use emberkeep_core::warmth::Warmth;
use emberkeep_runtime::clock::Clock;
use emberkeep_runtime::tasks::Tasks;
use emberkeep_store::{Durability, Expect, Folder, ObjectName, Store};
use emberkeep_testkit::deadline::soon;
use emberkeep_testkit::pod::pod_at;
use tempfile::TempDir;

use crate::byte_size::ByteSize;
use crate::codec::Raw;
use crate::metrics::{Metrics, ReadCause};
use crate::published_state::PublishedState;
use crate::store_access::StoreAccess;
use crate::transfer::Puller;
use crate::warm::{Freshness, HashedKey, LoadRequest, OwnershipFence, WarmParts, WarmSettings, WarmStore};

/// Checks that the future of a pull is `Send`, as a task requires.
const fn assert_send<F: Future<Output = ()> + Send>(pull: F) -> F {
    pull
}

pub(super) struct TransferTestPod {
    pub(super) warm: Arc<WarmStore<Raw>>,
    pub(super) published: Arc<PublishedState>,
    pub(super) metrics: Metrics,
    name: &'static str,
    clock: Clock,
    tasks: Tasks,
}

/// The old owner of all keys, with warm values, and the new owner that pulls them; both on one store.
pub(super) struct PodPair {
    pub(super) old: TransferTestPod,
    pub(super) new: TransferTestPod,
    pub(super) store: Store,
    assignment: Mutex<Arc<Assignment>>,
    _folder: TempDir,
}

impl PodPair {
    /// The old owner serves all keys from generation 1 on, and the new one warms them from generation 2 on.
    pub(super) async fn begin(freshness: Freshness) -> Self {
        Self::with_budget(freshness, ByteSize::mib(512)).await
    }

    /// As [`Self::begin`], with a memory budget for the new owner.
    pub(super) async fn with_budget(freshness: Freshness, budget: ByteSize) -> Self {
        let folder = TempDir::new().unwrap();
        let store = Store::new(Folder::open(folder.path(), Durability::Unsynced).await.unwrap());
        let pair = Self {
            old: TransferTestPod::new("old", store.clone(), freshness, ByteSize::mib(512)),
            new: TransferTestPod::new("new", store.clone(), freshness, budget),
            store,
            assignment: Mutex::new(Arc::new(Assignment::unassigned())),
            _folder: folder,
        };
        pair.assign(&[("old", Phase::Serving)]);
        pair.assign(&[("new", Phase::Warming), ("old", Phase::Serving)]);
        pair
    }

    /// Assigns all keys to the new owner; the old one is leaving.
    pub(super) fn hand_over(&self) {
        self.assign(&[("new", Phase::Serving), ("old", Phase::Leaving)]);
    }

    fn assign(&self, phases: &[(&str, Phase)]) {
        let mut assignment = self.assignment.lock().unwrap();
        let mut replicas = ReplicaSet::none();
        let pods = phases.iter().map(|(name, _)| pod_at(name, "127.0.0.1:1")).collect();
        let numbered = phases.iter().enumerate();
        numbered.for_each(|(at, (_, phase))| replicas.set(at.into(), *phase));
        let slices = SliceMap::full(replicas);
        *assignment = Arc::new(Proposal { pods, slices }.after(&assignment).unwrap());
        self.old.follow(&assignment);
        self.new.follow(&assignment);
    }

    /// Writes the object of a key to the store, as another process would.
    pub(super) async fn put(&self, key: &str, bytes: impl Into<Bytes>) {
        let name = name_of(key);
        self.store.put(&name, bytes.into(), Expect::Anything).await.unwrap();
    }

    /// Warms `count` values of `size` bytes at the old owner, `key-0` hottest.
    pub(super) async fn warm_values(&self, count: u8, size: usize) {
        for number in 0..count {
            let key = key_of(number);
            self.put(&key, noise(number, size)).await;
            for _ in number..=count {
                self.old.get(&key).await;
            }
        }
    }

    /// Pulls all keys to the new owner from the pod at `address`; returns all reports of warmth.
    pub(super) async fn pull(&self, address: &str) -> Vec<Warmth> {
        let puller = Puller::new(Arc::clone(&self.new.warm), Arc::clone(&self.new.published));
        let mut reports = Vec::new();
        let source = PodAddress::try_new(address).unwrap();
        soon(assert_send(
            puller.pull(&Slice::FULL, &source, |warmth| reports.push(warmth)),
        ))
        .await;
        reports
    }
}

impl TransferTestPod {
    fn new(name: &'static str, store: Store, freshness: Freshness, memory_budget: ByteSize) -> Self {
        let (clock, tasks, metrics) = (Clock::start(), Tasks::new(), Metrics::new("numbers"));
        let admission = AdmissionSettings {
            concurrency: 64,
            waiting_max: 1_000,
            seed: 1,
        };
        let parts = WarmParts {
            target: target(),
            settings: WarmSettings {
                memory_budget,
                freshness,
                missing_lifetime: Duration::from_secs(1),
                answered: AnsweredLimits {
                    count: 9,
                    age: Duration::from_secs(60),
                },
            },
            store,
            access: StoreAccess::start(admission, clock, &tasks, metrics.clone()),
            disk: None,
            clock,
            metrics: metrics.clone(),
            tasks: tasks.clone(),
        };
        Self {
            warm: Arc::new(WarmStore::new(Raw, parts)),
            published: Arc::new(PublishedState::nothing()),
            metrics,
            name,
            clock,
            tasks,
        }
    }

    fn follow(&self, assignment: &Arc<Assignment>) {
        let identity = Identity {
            name: PodName::try_new(self.name).unwrap(),
            incarnation: Incarnation(1),
        };
        let before = Arc::clone(&self.published.snapshot.load().ownership);
        let ownership = before.followed_by(Arc::clone(assignment), &identity);
        self.published
            .publish(Arc::new(ownership), KeyMode::Hashed, self.clock.now());
    }

    fn fence(&self, slice_key: &SliceKey) -> OwnershipFence {
        let snapshot = self.published.snapshot.load();
        let (range, share) = snapshot.ownership.share_of(slice_key);
        snapshot.fence(range, share.unwrap(), self.warm.parts.settings.freshness)
    }

    /// The value, if it is warm and fresh.
    pub(super) fn warm_value(&self, key: &str) -> Option<Bytes> {
        let hashed = HashedKey::try_new(key.as_bytes()).unwrap();
        let fence = self.fence(&hashed.slice_key(KeyMode::Hashed));
        self.warm.warm_value(&hashed, fence).map(|bytes| Bytes::clone(&bytes))
    }

    /// The value, loaded if it is not warm.
    pub(super) async fn get(&self, key: &str) -> Bytes {
        if let Some(value) = self.warm_value(key) {
            return value;
        }
        let hashed = HashedKey::try_new(key.as_bytes()).unwrap();
        let slice_key = hashed.slice_key(KeyMode::Hashed);
        let load_request = LoadRequest {
            key: hashed,
            slice_key: &slice_key,
            fence: self.fence(&slice_key),
            deadline: self.clock.now() + Duration::from_secs(10),
        };
        Bytes::clone(&*soon(self.warm.load(load_request)).await.unwrap())
    }

    /// Reads of the store, the conditional ones among them, and the bytes read.
    pub(super) fn reads(&self) -> (u64, u64, u64) {
        let store = &self.metrics.store;
        (
            store.read_count(),
            store.reads_for(ReadCause::Revalidate),
            store.read_bytes.get(),
        )
    }

    /// The counter whose name ends with `name`, with the value `label` of any label if given.
    pub(super) fn counter(&self, name: &str, label: Option<&str>) -> u64 {
        let families = self.metrics.registry.gather();
        let family = families.iter().find(|family| family.name().ends_with(name)).unwrap();
        let has_label = |labels: &[prometheus::proto::LabelPair]| {
            label.is_none_or(|label| labels.iter().any(|pair| pair.value() == label))
        };
        let metric = family.get_metric().iter().find(|metric| has_label(metric.get_label()));
        metric.unwrap().get_counter().get_value() as u64
    }
}

impl Drop for TransferTestPod {
    fn drop(&mut self) {
        self.tasks.stop().cancel();
    }
}

pub(super) fn target() -> TargetName {
    TargetName::try_new("numbers").unwrap()
}

fn name_of(key: &str) -> ObjectName {
    let slice_key = SliceKey::of(key.as_bytes(), KeyMode::Hashed).unwrap();
    ObjectName::of_key("numbers", &slice_key.to_bytes(), key.as_bytes()).unwrap()
}

pub(super) fn key_of(number: u8) -> String {
    format!("key-{number}")
}

/// Incompressible bytes, different for each number.
pub(super) fn noise(number: u8, size: usize) -> Bytes {
    let mut state = u64::from(number) + 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..size).map(|_| next()).collect()
}
