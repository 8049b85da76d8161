//! Two pods that each believe to own all keys: what they write is kept right by the store alone.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic, as tests may")]

#[allow(dead_code, reason = "other tests use more of it")]
mod scripted;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use emberkeep_slicelet::{Json, Slicelet, Store, StoreError, WriteError};
use emberkeep_store::embedded::{EmbeddedS3, EmbeddedS3Settings};
use emberkeep_store::{
    Credentials, Durability, ETag, Expect, Folder, NameRange, ObjectName, ObjectStore, Page, Read, S3Settings,
};
use emberkeep_testkit::fault_proxy::{Fault, FaultProxy, RandomFaults};
use emberkeep_testkit::linearizability::{Appends, Told};
use futures::future::{join_all, try_join_all};
use scripted::{ScriptedAssigner, ScriptedSession, all_by, generation, soon};
use tempfile::TempDir;

type Lists = Slicelet<Json<Vec<u64>>>;

const KEY_COUNT: u64 = 4;
const CLIENT_COUNT: u64 = 8;
const APPENDS_PER_CLIENT: u64 = 40;
const BUCKET: &str = "state";

/// Two owners of everything, on one store.
struct World {
    owners: [Owner; 2],
}

struct Owner {
    slicelet: Lists,
    _assigner: ScriptedAssigner,
    _session: ScriptedSession,
}

impl World {
    /// Each owner is told by an assigner of its own that it owns all keys, and comes to the store by a client of its own.
    async fn begin(stores: [Store; 2]) -> Self {
        let [one, two] = stores;
        let owners = [Owner::start("one", one).await, Owner::start("two", two).await];
        Self { owners }
    }

    fn owner(&self, number: u64) -> &Lists {
        &self.owners[usize::try_from(number % 2).unwrap()].slicelet
    }

    fn lost_race_count(&self) -> u64 {
        self.owners
            .iter()
            .map(|owner| owner.slicelet.stats().lost_race_count)
            .sum()
    }

    /// What a pod that knows nothing yet reads.
    async fn last(store: Store) -> Vec<Vec<u64>> {
        let reader = Owner::start("reader", store).await;
        let keys = (0..KEY_COUNT).map(key_of);
        let values = keys.map(async |key| reader.slicelet.own(&key).unwrap().get().await.map(|list| list.to_vec()));
        try_join_all(values).await.unwrap()
    }
}

impl Owner {
    async fn start(name: &str, store: Store) -> Self {
        let mut assigner = ScriptedAssigner::start().await;
        let slicelet = Slicelet::builder("lists")
            .assigner(&assigner.url)
            .advertise("127.0.0.1:1")
            .pod_name(name)
            .store(store)
            .values(Json::<Vec<u64>>::default())
            .writable()
            .drain_on_sigterm(false)
            .start()
            .await
            .unwrap();
        let session = assigner.welcomed().await;
        session.tell_full(&all_by(slicelet.pod())).await;
        let mut held = slicelet.assignment();
        let is_told = held.wait_for(|held| {
            held.as_ref()
                .is_some_and(|held| held.assignment.generation() == generation(1))
        });
        soon(is_told).await.unwrap();
        Self {
            slicelet,
            _assigner: assigner,
            _session: session,
        }
    }
}

/// A folder that several pods open.
struct SharedFolder(TempDir);

impl SharedFolder {
    async fn open(&self) -> Store {
        Store::new(Folder::open(self.0.path(), Durability::Unsynced).await.unwrap())
    }
}

/// Our own S3 server behind a proxy that injects faults.
struct ShakenS3 {
    server: EmbeddedS3,
    proxy: FaultProxy,
    _folder: TempDir,
}

impl ShakenS3 {
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let settings = EmbeddedS3Settings {
            listen: "127.0.0.1:0".parse().unwrap(),
            folder: folder.path().to_owned(),
            credentials: Credentials {
                access_key: "tester".to_owned(),
                secret_key: "a secret".to_owned(),
            },
            durability: Durability::Unsynced,
        };
        let server = EmbeddedS3::start(settings).await.unwrap();
        server.create_bucket(BUCKET).await.unwrap();
        let proxy = FaultProxy::start(server.addr()).await;
        Self {
            server,
            proxy,
            _folder: folder,
        }
    }

    async fn open(&self) -> Store {
        let settings = S3Settings {
            endpoint: Some(format!("http://{}", self.proxy.addr())),
            ..self.server.settings(BUCKET)
        };
        Store::s3(settings).await.unwrap()
    }

    /// Few enough that a request which fails is tried again with success, nearly always.
    fn shake(&self) {
        let faults = RandomFaults::seeded(7)
            .percent(10, Fault::Delay(Duration::from_millis(10)))
            .percent(3, Fault::SlowDown)
            .percent(3, Fault::CutBefore)
            .percent(5, Fault::CutAfter)
            .percent(3, Fault::CutBody)
            .percent(3, Fault::StaleRead);
        self.proxy.strike_at_random(faults);
    }
}

/// A store that forgets its conditions when it is told to, as servers do that have never heard of them.
#[derive(Debug)]
struct Careless {
    store: Store,
    is_careless: Arc<AtomicBool>,
}

#[tonic::async_trait]
impl ObjectStore for Careless {
    async fn get(&self, name: &ObjectName, unless: Option<&ETag>) -> Result<Read, StoreError> {
        self.store.get(name, unless).await
    }

    async fn put(&self, name: &ObjectName, bytes: Bytes, expect: Expect) -> Result<ETag, StoreError> {
        let expect = match self.is_careless.load(Ordering::Relaxed) {
            true => Expect::Anything,
            false => expect,
        };
        self.store.put(name, bytes, expect).await
    }

    async fn list(&self, range: &NameRange, count_max: usize) -> Result<Page, StoreError> {
        self.store.list(range, count_max).await
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        self.store.delete(name).await
    }

    fn place(&self) -> &str {
        self.store.place()
    }
}

fn key_of(number: u64) -> String {
    format!("list-{}", number % KEY_COUNT)
}

/// Which key an append goes to, and through which owner: each client goes through all combinations, each in another
/// order.
fn place_of(client: u64, round: u64) -> (u64, u64) {
    let mixed = (client * 31 + round).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    (mixed % KEY_COUNT, mixed / KEY_COUNT % 2)
}

/// Appends to all lists from all clients at the same time.
async fn append_from_all(world: &World) -> Vec<Appends<u64>> {
    let lists: Vec<Appends<u64>> = (0..KEY_COUNT).map(|_| Appends::default()).collect();
    let clients = (0..CLIENT_COUNT).map(async |client| {
        for round in 0..APPENDS_PER_CLIENT {
            let (number, owner) = place_of(client, round);
            let list = &lists[usize::try_from(number).unwrap()];
            let entry = client * APPENDS_PER_CLIENT + round;
            let call = list.called(entry);
            let told = append(world.owner(owner), &key_of(number), entry).await;
            list.ended(call, told);
        }
    });
    join_all(clients).await;
    lists
}

async fn append(owner: &Lists, key: &str, entry: u64) -> Told<u64> {
    let with_entry = |present: Option<&Vec<u64>>| {
        let before = present.into_iter().flatten().copied();
        Ok::<_, Infallible>(before.chain([entry]).collect())
    };
    let guard = owner.own(key).unwrap();
    match guard.update(with_entry).await {
        Ok(list) => Told::List(list.to_vec()),
        Err(WriteError::InDoubt { .. }) => Told::Nothing,
        // All others say that nothing was written.
        Err(_) => Told::Refused,
    }
}

fn assert_some_order_explains(lists: &[Appends<u64>], last: &[Vec<u64>]) {
    for (list, last) in lists.iter().zip(last) {
        list.check(last).unwrap();
    }
}

fn count(lists: &[Appends<u64>], is_counted: impl Fn(&Told<u64>) -> bool) -> u64 {
    lists.iter().map(|list| list.count(&is_counted) as u64).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn updates_through_two_owners_happen_one_after_the_other() {
    let folder = SharedFolder(TempDir::new().unwrap());
    let world = World::begin([folder.open().await, folder.open().await]).await;
    let lists = append_from_all(&world).await;
    let acknowledged = count(&lists, |told| matches!(told, Told::List(_)));
    assert_eq!(acknowledged, CLIENT_COUNT * APPENDS_PER_CLIENT);
    assert!(world.lost_race_count() > 0, "the owners never met");
    assert_some_order_explains(&lists, &World::last(folder.open().await).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn updates_through_two_owners_happen_one_after_the_other_however_the_store_fails() {
    let s3 = ShakenS3::start().await;
    let world = World::begin([s3.open().await, s3.open().await]).await;
    s3.shake();
    let lists = append_from_all(&world).await;
    s3.proxy.calm();
    let acknowledged = count(&lists, |told| matches!(told, Told::List(_)));
    assert!(acknowledged > CLIENT_COUNT * APPENDS_PER_CLIENT / 2, "{acknowledged}");
    assert!(world.lost_race_count() > 0, "the owners never met");
    assert!(s3.proxy.injected().cuts_after > 0, "{:?}", s3.proxy.injected());
    assert_some_order_explains(&lists, &World::last(s3.open().await).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_conditional_writes_updates_are_lost_and_found_missing() {
    let folder = SharedFolder(TempDir::new().unwrap());
    let is_careless = Arc::new(AtomicBool::new(false));
    let careless = async || {
        Store::new(Careless {
            store: folder.open().await,
            is_careless: Arc::clone(&is_careless),
        })
    };
    let world = World::begin([careless().await, careless().await]).await;
    is_careless.store(true, Ordering::Relaxed);
    let lists = append_from_all(&world).await;
    let last = World::last(folder.open().await).await;
    for (list, last) in lists.iter().zip(&last) {
        let reason = list.check(last).unwrap_err();
        assert!(reason.contains("was acknowledged and is not in"), "{reason}");
    }
}

/// Appends the id of each request once, by several clients through both owners; what each was answered.
async fn request_from_all(world: &World) -> BTreeMap<u64, Vec<Vec<u64>>> {
    let clients = (0..CLIENT_COUNT).map(async |client| {
        let mut answers = Vec::new();
        for round in 0..APPENDS_PER_CLIENT {
            // Two clients share each id: one comes through the other owner, or later.
            let id = client / 2 * APPENDS_PER_CLIENT + round;
            let owner = world.owner(client + round / 2 % 2);
            answers.push((id, request(owner, &key_of(id), id).await));
        }
        answers
    });
    let mut by_id: BTreeMap<u64, Vec<Vec<u64>>> = BTreeMap::new();
    for (id, answer) in join_all(clients).await.into_iter().flatten() {
        by_id.entry(id).or_default().push(answer);
    }
    by_id
}

/// Asks until there is an answer, as a client does.
async fn request(owner: &Lists, key: &str, id: u64) -> Vec<u64> {
    let with_id = |present: Option<&Vec<u64>>| {
        let before = present.into_iter().flatten().copied();
        let list: Vec<u64> = before.chain([id]).collect();
        Ok::<_, Infallible>((list.clone(), list))
    };
    let answered = async {
        loop {
            let guard = owner.own(key).unwrap();
            if let Ok(answer) = guard.once(id.to_be_bytes(), with_id).await {
                return answer;
            }
        }
    };
    soon(answered).await
}

fn assert_one_effect_each(answers: &BTreeMap<u64, Vec<Vec<u64>>>, last: &[Vec<u64>]) {
    let mut present: Vec<u64> = last.iter().flatten().copied().collect();
    present.sort_unstable();
    assert!(present.iter().eq(answers.keys()), "{present:?}");
    for (id, heard) in answers {
        let list = &last[usize::try_from(id % KEY_COUNT).unwrap()];
        let place = list.iter().position(|entry| entry == id).unwrap();
        assert_eq!(heard.len(), 2);
        assert!(
            heard.iter().all(|answer| *answer == list[..=place]),
            "{id}: {heard:?} in {list:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_request_through_two_owners_has_one_effect() {
    let folder = SharedFolder(TempDir::new().unwrap());
    let world = World::begin([folder.open().await, folder.open().await]).await;
    let answers = request_from_all(&world).await;
    assert!(world.lost_race_count() > 0, "the owners never met");
    assert_one_effect_each(&answers, &World::last(folder.open().await).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_request_through_two_owners_has_one_effect_however_the_store_fails() {
    let s3 = ShakenS3::start().await;
    let world = World::begin([s3.open().await, s3.open().await]).await;
    s3.shake();
    let answers = request_from_all(&world).await;
    s3.proxy.calm();
    assert!(s3.proxy.injected().cuts_after > 0, "{:?}", s3.proxy.injected());
    assert_one_effect_each(&answers, &World::last(s3.open().await).await);
}
