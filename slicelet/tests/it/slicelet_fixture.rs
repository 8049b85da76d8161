//! A slicelet of the target `numbers`, with its assigner and its store.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use emberkeep_core::assignment::Assignment;
use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::pod::Pod;
use emberkeep_core::target::KeyMode;
use emberkeep_slicelet::{Builder, Codec, GetError, Json, Slicelet, Store};
use emberkeep_store::{Expect, ObjectName};
use emberkeep_testkit::assignment::{Replicas, all_by, assigned, generation, halves};
use emberkeep_testkit::deadline::soon;
use emberkeep_testkit::metrics::metric_value;
use emberkeep_testkit::pod::pod;
use emberkeep_testkit::scripted_assigner::{ScriptedAssigner, ScriptedSession};
use emberkeep_testkit::store_decorator::StoreDecorator;
use emberkeep_testkit::store_gates::{StoreGate, StoreGates};
use futures::future::join_all;
use tempfile::TempDir;

pub(crate) struct SliceletFixture<C: Codec = Json<u64>> {
    pub(crate) assigner: ScriptedAssigner,
    pub(crate) slicelet: Slicelet<C>,
    /// The store behind the gates.
    pub(crate) store: Store,
    pub(crate) reads: StoreGate,
    pub(crate) writes: StoreGate,
    folder: TempDir,
}

impl SliceletFixture {
    /// A pod that has opened no session yet.
    pub(crate) async fn unassigned() -> Self {
        Self::start_in(TempDir::new().unwrap(), numbers).await
    }

    /// A pod that owns all keys at generation 1.
    pub(crate) async fn owning() -> (Self, ScriptedSession) {
        Self::owning_as(numbers).await
    }

    /// The same, of a pod that may write.
    pub(crate) async fn writing() -> (Self, ScriptedSession) {
        Self::owning_as(|builder| numbers(builder).writable()).await
    }

    pub(crate) async fn get(&self, key: &str) -> Result<u64, GetError> {
        let guard = self.slicelet.own(key).unwrap();
        soon(guard.get()).await.map(|value| *value)
    }

    /// Sends `count` requests for a key before the first of them begins its read: they wait behind another request, which
    /// is cancelled then. All accept what that read finds, at whatever age.
    pub(crate) async fn get_concurrently(&self, key: &str, count: usize) -> Vec<Result<u64, GetError>> {
        self.reads.close();
        let mut first = Box::pin(self.get(key));
        assert!(futures::poll!(&mut first).is_pending());
        let mut all = Vec::new();
        for _ in 0..count {
            let mut request = Box::pin(self.get(key));
            assert!(futures::poll!(&mut request).is_pending());
            all.push(request);
        }
        drop(first);
        self.reads.open();
        soon(join_all(all)).await
    }

    /// At generation 2, the upper half of all keys moves from this pod to [`other_pod`].
    pub(crate) async fn move_upper_half_away(&self, session: &ScriptedSession) -> Arc<Assignment> {
        let first = self.applied(1).await;
        session.send_assignment(&halves(&first, self.pod(), &other_pod())).await;
        self.applied(2).await
    }

    /// At generation 2, all keys get these replicas.
    pub(crate) async fn assign_all(&self, session: &ScriptedSession, replicas: Replicas<'_>) -> Arc<Assignment> {
        let first = self.applied(1).await;
        session
            .send_assignment(&assigned(&first, [(SliceKey::EMPTY, replicas)]))
            .await;
        self.applied(2).await
    }
}

impl<C: Codec> SliceletFixture<C> {
    /// A pod with the given settings that owns all keys at generation 1.
    pub(crate) async fn owning_as(settings: impl FnOnce(Builder) -> Builder<C>) -> (Self, ScriptedSession) {
        Self::owning_in(TempDir::new().unwrap(), settings).await
    }

    /// The same pod after a stop and a start with these settings.
    pub(crate) async fn restarted<D: Codec>(
        self,
        settings: impl FnOnce(Builder, &Path) -> Builder<D>,
    ) -> (SliceletFixture<D>, ScriptedSession) {
        soon(self.slicelet.shutdown()).await;
        drop(self.slicelet);
        let path = self.folder.path().to_owned();
        SliceletFixture::owning_in(self.folder, |builder| settings(builder, &path)).await
    }

    async fn owning_in(folder: TempDir, settings: impl FnOnce(Builder) -> Builder<C>) -> (Self, ScriptedSession) {
        let mut fixture = Self::start_in(folder, settings).await;
        let session = fixture.assigner.welcome().await;
        session.send_assignment(&all_by(fixture.pod())).await;
        fixture.applied(1).await;
        (fixture, session)
    }

    async fn start_in(folder: TempDir, settings: impl FnOnce(Builder) -> Builder<C>) -> Self {
        let assigner = ScriptedAssigner::start().await;
        let store = Store::folder(folder.path().join("objects")).await.unwrap();
        let (reads, writes) = (StoreGate::opened(), StoreGate::opened());
        let gates = StoreGates {
            reads: reads.clone(),
            writes: writes.clone(),
        };
        let builder = Slicelet::builder("numbers")
            .assigner(&assigner.url)
            .advertise("127.0.0.1:1")
            .pod_name("me")
            .store(gates.decorate(&store))
            .http_listen("127.0.0.1:0")
            .drain_on_sigterm(false);
        Self {
            slicelet: settings(builder).start().await.unwrap(),
            assigner,
            store,
            reads,
            writes,
            folder,
        }
    }

    pub(crate) fn pod(&self) -> &Pod {
        self.slicelet.pod()
    }

    /// Waits until the slicelet has applied the assignment of that generation, or a newer one.
    pub(crate) async fn applied(&self, number: i64) -> Arc<Assignment> {
        let mut held = self.slicelet.assignment();
        let is_reached = |assignment: &Arc<Assignment>| assignment.generation() >= generation(number);
        let held = soon(held.wait_for(|held| held.as_ref().is_some_and(|held| is_reached(&held.assignment)))).await;
        Arc::clone(&held.unwrap().as_ref().unwrap().assignment)
    }

    pub(crate) fn granted_rate(&self) -> f64 {
        metric_value(self.slicelet.registry(), "emberkeep_slicelet_store_granted_rate", None)
    }

    /// Writes a key's object as another program would.
    pub(crate) async fn put(&self, key: &str, bytes: impl Into<Bytes>) {
        self.store
            .put(&name_of(key), bytes.into(), Expect::Anything)
            .await
            .unwrap();
    }
}

/// Another pod, at whose address no process listens.
pub(crate) fn other_pod() -> Pod {
    pod(1)
}

/// Values are numbers in JSON.
pub(crate) fn numbers(builder: Builder) -> Builder<Json<u64>> {
    builder.values(Json::default())
}

/// The object of a key.
pub(crate) fn name_of(key: &str) -> ObjectName {
    let slice_key = SliceKey::of(key.as_bytes(), KeyMode::Hashed).unwrap();
    ObjectName::of_key("numbers", &slice_key.to_bytes(), key.as_bytes()).unwrap()
}

/// A key of the upper half of all keys, or of the lower.
pub(crate) fn key_of_half(is_upper: bool) -> String {
    let is_there = |key: &String| {
        let position = SliceKey::of(key.as_bytes(), KeyMode::Hashed).unwrap().position();
        (position >= 1 << 63) == is_upper
    };
    (0..).map(|number| format!("key-{number}")).find(is_there).unwrap()
}
