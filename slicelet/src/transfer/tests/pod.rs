//! A pod: a warm store, what it owns, and a server for the transfer.

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
use crate::metrics::{Cause, Metrics};
use crate::published::Published;
use crate::store_access::StoreAccess;
use crate::transfer::pull::Puller;
use crate::warm::{Ask, Freshness, HashedKey, Hold, WarmParts, WarmSettings, WarmStore};

/// A pull runs in a task of its own, on any thread.
const fn of_a_task<F: Future<Output = ()> + Send>(pull: F) -> F {
    pull
}

pub(super) struct TestPod {
    pub(super) warm: Arc<WarmStore<Raw>>,
    pub(super) published: Arc<Published>,
    pub(super) metrics: Metrics,
    name: &'static str,
    clock: Clock,
    tasks: Tasks,
}

/// An old owner with warm values, and a new one that is to have them; both on one store.
pub(super) struct World {
    pub(super) old: TestPod,
    pub(super) new: TestPod,
    pub(super) store: Store,
    assignment: Mutex<Arc<Assignment>>,
    _folder: TempDir,
}

impl World {
    /// The old one serves all keys at generation 1, and the new one warms them at generation 2.
    pub(super) async fn begin(freshness: Freshness) -> Self {
        Self::with_budget(freshness, ByteSize::mib(512)).await
    }

    /// The same, where the new one has so much memory.
    pub(super) async fn with_budget(freshness: Freshness, budget: ByteSize) -> Self {
        let folder = TempDir::new().unwrap();
        let store = Store::new(Folder::open(folder.path(), Durability::Unsynced).await.unwrap());
        let world = Self {
            old: TestPod::new("old", store.clone(), freshness, ByteSize::mib(512)),
            new: TestPod::new("new", store.clone(), freshness, budget),
            store,
            assignment: Mutex::new(Arc::new(Assignment::unassigned())),
            _folder: folder,
        };
        world.assign(&[("old", Phase::Serving)]);
        world.assign(&[("new", Phase::Warming), ("old", Phase::Serving)]);
        world
    }

    /// The new one serves all keys from now on.
    pub(super) fn switch(&self) {
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

    /// The store holds that for a key.
    pub(super) async fn put(&self, key: &str, bytes: impl Into<Bytes>) {
        let name = name_of(key);
        self.store.put(&name, bytes.into(), Expect::Anything).await.unwrap();
    }

    /// The old owner has so many values of that size warm, `key-0` hottest.
    pub(super) async fn warms_up(&self, count: u8, size: usize) {
        for number in 0..count {
            let key = key_of(number);
            self.put(&key, noise(number, size)).await;
            for _ in number..=count {
                self.old.get(&key).await;
            }
        }
    }

    /// The new owner pulls all keys from a pod at that address; answers all that was told on the way.
    pub(super) async fn pull(&self, address: &str) -> Vec<Warmth> {
        let puller = Puller {
            warm: Arc::clone(&self.new.warm),
            published: Arc::clone(&self.new.published),
        };
        let mut told = Vec::new();
        let source = PodAddress::try_new(address).unwrap();
        soon(of_a_task(
            puller.pull(&Slice::FULL, &source, |warmth| told.push(warmth)),
        ))
        .await;
        told
    }
}

impl TestPod {
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
                missing_life: Duration::from_secs(1),
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
            published: Arc::new(Published::nothing()),
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
        let before = Arc::clone(&self.published.holding.load().ownership);
        let ownership = before.followed_by(Arc::clone(assignment), &identity);
        self.published
            .publish(Arc::new(ownership), KeyMode::Hashed, self.clock.now());
    }

    fn hold(&self, slice_key: &SliceKey) -> Hold {
        let holding = self.published.holding.load();
        let (range, share) = holding.ownership.share_of(slice_key);
        holding.hold(range, share.unwrap(), self.warm.parts.settings.freshness)
    }

    /// The value, if it is warm.
    pub(super) fn warm(&self, key: &str) -> Option<Bytes> {
        let hashed = HashedKey::try_new(key.as_bytes()).unwrap();
        let hold = self.hold(&hashed.slice_key(KeyMode::Hashed));
        self.warm.warm(&hashed, hold).map(|bytes| Bytes::clone(&bytes))
    }

    /// The value, loaded if need be.
    pub(super) async fn get(&self, key: &str) -> Bytes {
        if let Some(value) = self.warm(key) {
            return value;
        }
        let hashed = HashedKey::try_new(key.as_bytes()).unwrap();
        let slice_key = hashed.slice_key(KeyMode::Hashed);
        let ask = Ask {
            key: hashed,
            slice_key: &slice_key,
            hold: self.hold(&slice_key),
            deadline: self.clock.now() + Duration::from_secs(10),
        };
        Bytes::clone(&*soon(self.warm.load(ask)).await.unwrap())
    }

    /// Reads of the store, how many of them were checks, and how many bytes came.
    pub(super) fn reads(&self) -> (u64, u64, u64) {
        let store = &self.metrics.store;
        (
            store.read_count(),
            store.reads_for(Cause::Revalidate),
            store.read_bytes.get(),
        )
    }

    /// The count of that name, and with that label if it has labels.
    pub(super) fn counted(&self, name: &str, label: Option<&str>) -> u64 {
        let families = self.metrics.registry.gather();
        let family = families.iter().find(|family| family.name().ends_with(name)).unwrap();
        let is_meant = |labels: &[prometheus::proto::LabelPair]| {
            label.is_none_or(|label| labels.iter().any(|pair| pair.value() == label))
        };
        let metric = family.get_metric().iter().find(|metric| is_meant(metric.get_label()));
        metric.unwrap().get_counter().get_value() as u64
    }
}

impl Drop for TestPod {
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

/// Bytes that no compression makes fewer, different for each number.
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
