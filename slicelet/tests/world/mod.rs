//! A slicelet of the target `numbers`, its assigner, and its store.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use emberkeep_core::assignment::Assignment;
use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::pod::Pod;
use emberkeep_core::target::KeyMode;
use emberkeep_slicelet::{Builder, Codec, GetError, Json, Slicelet, Store};
use emberkeep_store::{Expect, ObjectName};
use futures::future::join_all;
use tempfile::TempDir;

use crate::gate::{Door, Gate};
use crate::scripted::{ScriptedAssigner, ScriptedSession, all_by, generation, soon};

pub(crate) struct World<C: Codec = Json<u64>> {
    pub(crate) assigner: ScriptedAssigner,
    pub(crate) slicelet: Slicelet<C>,
    /// The store behind the doors.
    pub(crate) store: Store,
    pub(crate) reads: Door,
    pub(crate) writes: Door,
    folder: TempDir,
}

impl World {
    /// A pod that has yet to register, and whose reads wait.
    pub(crate) async fn begin() -> Self {
        Self::begin_in(TempDir::new().unwrap(), numbers).await
    }

    /// The pod owns all keys at generation 1, and reads go through.
    pub(crate) async fn owning() -> (Self, ScriptedSession) {
        Self::owning_as(numbers).await
    }

    /// The pod owns all keys at generation 1, but reads wait.
    pub(crate) async fn owning_behind_gate() -> (Self, ScriptedSession) {
        let mut world = Self::begin().await;
        let session = world.owns_all().await;
        (world, session)
    }

    /// The same, of a pod that writes.
    pub(crate) async fn writing() -> (Self, ScriptedSession) {
        Self::owning_as(|builder| numbers(builder).writable()).await
    }

    pub(crate) async fn get(&self, key: &str) -> Result<u64, GetError> {
        let guard = self.slicelet.own(key).unwrap();
        soon(guard.get()).await.map(|value| *value)
    }

    /// Lets so many ask for a key before the first read goes through.
    pub(crate) async fn ask_together(&self, key: &str, count: usize) -> Vec<Result<u64, GetError>> {
        let mut all = Box::pin(join_all((0..count).map(|_| self.get(key))));
        assert!(futures::poll!(&mut all).is_pending());
        self.reads.open();
        soon(all).await
    }
}

impl<C: Codec> World<C> {
    /// A pod of any settings that owns all keys at generation 1, and whose reads go through.
    pub(crate) async fn owning_as(settings: impl FnOnce(Builder) -> Builder<C>) -> (Self, ScriptedSession) {
        Self::owning_in(TempDir::new().unwrap(), settings).await
    }

    /// The same pod once it has stopped and started again, with these settings.
    pub(crate) async fn restarted<D: Codec>(
        self,
        settings: impl FnOnce(Builder, &Path) -> Builder<D>,
    ) -> (World<D>, ScriptedSession) {
        soon(self.slicelet.shutdown()).await;
        drop(self.slicelet);
        let path = self.folder.path().to_owned();
        World::owning_in(self.folder, |builder| settings(builder, &path)).await
    }

    async fn owning_in(folder: TempDir, settings: impl FnOnce(Builder) -> Builder<C>) -> (Self, ScriptedSession) {
        let mut world = Self::begin_in(folder, settings).await;
        world.reads.open();
        let session = world.owns_all().await;
        (world, session)
    }

    async fn begin_in(folder: TempDir, settings: impl FnOnce(Builder) -> Builder<C>) -> Self {
        let assigner = ScriptedAssigner::start().await;
        let store = Store::folder(folder.path().join("objects")).await.unwrap();
        let (reads, writes) = (Door::new(false), Door::new(true));
        let gate = Gate {
            store: store.clone(),
            reads: reads.clone(),
            writes: writes.clone(),
        };
        let builder = Slicelet::builder("numbers")
            .assigner(&assigner.url)
            .advertise("127.0.0.1:1")
            .pod_name("me")
            .store(Store::new(gate))
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

    async fn owns_all(&mut self) -> ScriptedSession {
        let session = self.assigner.welcomed().await;
        session.tell_full(&all_by(self.me())).await;
        self.reaches(1).await;
        session
    }

    pub(crate) fn me(&self) -> &Pod {
        self.slicelet.pod()
    }

    pub(crate) async fn reaches(&self, number: i64) -> Arc<Assignment> {
        let mut held = self.slicelet.assignment();
        let is_reached = |assignment: &Arc<Assignment>| assignment.generation() >= generation(number);
        let held = soon(held.wait_for(|held| held.as_ref().is_some_and(|held| is_reached(&held.assignment)))).await;
        Arc::clone(&held.unwrap().as_ref().unwrap().assignment)
    }

    pub(crate) fn granted_rate(&self) -> f64 {
        let families = self.slicelet.registry().gather();
        let rate = families
            .iter()
            .find(|family| family.name() == "emberkeep_slicelet_store_granted_rate");
        rate.unwrap().get_metric()[0].get_gauge().get_value()
    }

    /// Another program writes a key's object.
    pub(crate) async fn put(&self, key: &str, bytes: impl Into<Bytes>) {
        self.store
            .put(&name_of(key), bytes.into(), Expect::Anything)
            .await
            .unwrap();
    }
}

/// How numbers are kept.
pub(crate) fn numbers(builder: Builder) -> Builder<Json<u64>> {
    builder.values(Json::default())
}

/// Where the value of a key lies.
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
