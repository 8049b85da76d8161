//! Two pods that both own all keys, each by its own assigner: only the store keeps their writes consistent.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use emberkeep_slicelet::{Json, Slicelet, Store, WriteError};
use emberkeep_store::embedded::{EmbeddedS3, EmbeddedS3Settings};
use emberkeep_store::{Credentials, Durability, Folder, S3Settings};
use emberkeep_testkit::assignment::all_by;
use emberkeep_testkit::deadline::soon;
use emberkeep_testkit::fault_proxy::{FaultProxy, HttpFault, RandomFaults};
use emberkeep_testkit::linearizability::{AppendHistory, AppendOutcome};
use emberkeep_testkit::scripted_assigner::{ScriptedAssigner, ScriptedSession};
use emberkeep_testkit::store_decorator::StoreDecorator;
use emberkeep_testkit::store_fault::{FaultyStore, StoreFault};
use futures::future::{join_all, try_join_all};
use tempfile::TempDir;

type ListSlicelet = Slicelet<Json<Vec<u64>>>;

const KEY_COUNT: u64 = 4;
const CLIENT_COUNT: u64 = 8;
const APPENDS_PER_CLIENT: u64 = 40;
const BUCKET: &str = "state";

/// Two owners of all keys, on one store.
struct TwoOwners {
    owners: [Owner; 2],
}

struct Owner {
    slicelet: ListSlicelet,
    _assigner: ScriptedAssigner,
    _session: ScriptedSession,
}

impl TwoOwners {
    /// Each owner has its own assigner and its own client of the store.
    async fn start(stores: [Store; 2]) -> Self {
        let [one, two] = stores;
        let owners = [Owner::start("one", one).await, Owner::start("two", two).await];
        Self { owners }
    }

    fn owner(&self, number: u64) -> &ListSlicelet {
        &self.owners[usize::try_from(number % 2).unwrap()].slicelet
    }

    fn conflict_count(&self) -> u64 {
        self.owners
            .iter()
            .map(|owner| owner.slicelet.stats().write_conflict_count)
            .sum()
    }

    /// The lists as read by a third pod, which has no warm values.
    async fn final_lists(store: Store) -> Vec<Vec<u64>> {
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
        let session = assigner.welcome().await;
        session.send_assignment(&all_by(slicelet.pod())).await;
        soon(slicelet.assignment().wait_for(Option::is_some)).await.unwrap();
        Self {
            slicelet,
            _assigner: assigner,
            _session: session,
        }
    }
}

/// A folder that each pod opens on its own.
struct SharedFolder(TempDir);

impl SharedFolder {
    async fn open(&self) -> Store {
        Store::new(Folder::open(self.0.path(), Durability::Unsynced).await.unwrap())
    }
}

/// The embedded S3 server behind a proxy that injects faults.
struct FaultyS3 {
    server: EmbeddedS3,
    proxy: FaultProxy,
    _folder: TempDir,
}

impl FaultyS3 {
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

    /// Few enough faults that the retries of a request nearly always succeed.
    fn inject_faults(&self) {
        let faults = RandomFaults::seeded(7)
            .percent(10, HttpFault::Delay(Duration::from_millis(10)))
            .percent(3, HttpFault::SlowDown)
            .percent(3, HttpFault::CutBefore)
            .percent(5, HttpFault::CutAfter)
            .percent(3, HttpFault::CutBody)
            .percent(3, HttpFault::StaleRead);
        self.proxy.inject_at_random(faults);
    }
}

fn key_of(number: u64) -> String {
    format!("list-{}", number % KEY_COUNT)
}

/// The numbers of the key and owner of an append: each client uses all combinations, in its own order.
fn destination_of(client: u64, round: u64) -> (u64, u64) {
    let mixed = (client * 31 + round).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    (mixed % KEY_COUNT, mixed / KEY_COUNT % 2)
}

/// All clients append to all lists concurrently.
async fn append_from_all(owners: &TwoOwners) -> Vec<AppendHistory<u64>> {
    let lists: Vec<AppendHistory<u64>> = (0..KEY_COUNT).map(|_| AppendHistory::default()).collect();
    let clients = (0..CLIENT_COUNT).map(async |client| {
        for round in 0..APPENDS_PER_CLIENT {
            let (number, owner) = destination_of(client, round);
            let list = &lists[usize::try_from(number).unwrap()];
            let entry = client * APPENDS_PER_CLIENT + round;
            let pending = list.on_call(entry);
            let outcome = append(owners.owner(owner), &key_of(number), entry).await;
            list.on_outcome(pending, outcome);
        }
    });
    join_all(clients).await;
    lists
}

async fn append(owner: &ListSlicelet, key: &str, entry: u64) -> AppendOutcome<u64> {
    let with_entry = |present: Option<&Vec<u64>>| {
        let before = present.into_iter().flatten().copied();
        Ok::<_, Infallible>(before.chain([entry]).collect())
    };
    let guard = owner.own(key).unwrap();
    match guard.update(with_entry).await {
        Ok(list) => AppendOutcome::Appended(list.to_vec()),
        Err(WriteError::InDoubt { .. }) => AppendOutcome::Unknown,
        // All other errors mean that nothing was written.
        Err(_) => AppendOutcome::Rejected,
    }
}

fn assert_linearizable(lists: &[AppendHistory<u64>], last: &[Vec<u64>]) {
    for (list, last) in lists.iter().zip(last) {
        list.check(last).unwrap();
    }
}

fn count(lists: &[AppendHistory<u64>], is_counted: impl Fn(&AppendOutcome<u64>) -> bool) -> u64 {
    lists.iter().map(|list| list.count(&is_counted) as u64).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn updates_through_two_owners_are_linearizable() {
    let folder = SharedFolder(TempDir::new().unwrap());
    let owners = TwoOwners::start([folder.open().await, folder.open().await]).await;
    let lists = append_from_all(&owners).await;
    let acknowledged = count(&lists, |outcome| matches!(outcome, AppendOutcome::Appended(_)));
    assert_eq!(acknowledged, CLIENT_COUNT * APPENDS_PER_CLIENT);
    assert!(owners.conflict_count() > 0, "the owners never conflicted");
    assert_linearizable(&lists, &TwoOwners::final_lists(folder.open().await).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn updates_through_two_owners_are_linearizable_while_the_store_fails() {
    let s3 = FaultyS3::start().await;
    let owners = TwoOwners::start([s3.open().await, s3.open().await]).await;
    s3.inject_faults();
    let lists = append_from_all(&owners).await;
    s3.proxy.heal();
    let acknowledged = count(&lists, |outcome| matches!(outcome, AppendOutcome::Appended(_)));
    assert!(acknowledged > CLIENT_COUNT * APPENDS_PER_CLIENT / 2, "{acknowledged}");
    assert!(owners.conflict_count() > 0, "the owners never conflicted");
    assert!(s3.proxy.injected().cuts_after > 0, "{:?}", s3.proxy.injected());
    assert_linearizable(&lists, &TwoOwners::final_lists(s3.open().await).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_conditional_writes_updates_are_lost_and_detected() {
    let folder = SharedFolder(TempDir::new().unwrap());
    // The probe at the start writes elsewhere, and finds nothing wrong.
    let unconditional =
        async || FaultyStore::below("lists/", StoreFault::IgnoresConditions).decorate(&folder.open().await);
    let owners = TwoOwners::start([unconditional().await, unconditional().await]).await;
    let lists = append_from_all(&owners).await;
    let last = TwoOwners::final_lists(folder.open().await).await;
    for (list, last) in lists.iter().zip(&last) {
        let reason = list.check(last).unwrap_err();
        assert!(reason.contains("was acknowledged and is not in"), "{reason}");
    }
}

/// Clients append the id of each request once, through both owners; returns the answers by id.
async fn request_from_all(owners: &TwoOwners) -> BTreeMap<u64, Vec<Vec<u64>>> {
    let clients = (0..CLIENT_COUNT).map(async |client| {
        let mut answers = Vec::new();
        for round in 0..APPENDS_PER_CLIENT {
            // Two clients share each id: the second uses the other owner, or sends later.
            let id = client / 2 * APPENDS_PER_CLIENT + round;
            let owner = owners.owner(client + round / 2 % 2);
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

/// Retries until there is an answer, as a client does.
async fn request(owner: &ListSlicelet, key: &str, id: u64) -> Vec<u64> {
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
    for (id, received) in answers {
        let list = &last[usize::try_from(id % KEY_COUNT).unwrap()];
        let index = list.iter().position(|entry| entry == id).unwrap();
        assert_eq!(received.len(), 2);
        assert!(
            received.iter().all(|answer| *answer == list[..=index]),
            "{id}: {received:?} in {list:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_request_through_two_owners_takes_effect_once() {
    let folder = SharedFolder(TempDir::new().unwrap());
    let owners = TwoOwners::start([folder.open().await, folder.open().await]).await;
    let answers = request_from_all(&owners).await;
    assert!(owners.conflict_count() > 0, "the owners never conflicted");
    assert_one_effect_each(&answers, &TwoOwners::final_lists(folder.open().await).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_request_through_two_owners_takes_effect_once_while_the_store_fails() {
    let s3 = FaultyS3::start().await;
    let owners = TwoOwners::start([s3.open().await, s3.open().await]).await;
    s3.inject_faults();
    let answers = request_from_all(&owners).await;
    s3.proxy.heal();
    assert!(s3.proxy.injected().cuts_after > 0, "{:?}", s3.proxy.injected());
    assert_one_effect_each(&answers, &TwoOwners::final_lists(s3.open().await).await);
}
