//! Each request has one effect, however often it is sent, while owners are killed.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use emberkeep_clerk::Clerk;
use emberkeep_lab::DEADLINE;
use emberkeep_lab::demo::pb::demo_client::DemoClient;
use emberkeep_lab::demo::pb::{AddRequest, AddResponse};
use futures::{StreamExt, stream};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::timeout;

use super::envelope::stored;
use super::failures::FailureCounts;
use super::write_cluster::WriteCluster;

const POD_COUNT: usize = 3;
const CLIENT_COUNT: usize = 4;
/// The number of requests in flight of a client.
const CONCURRENCY: usize = 8;
/// Fewer than the 256 answers stored with a key, so that no request is repeated after its answer was dropped.
const IDS_PER_KEY: usize = 200;
/// The number of kills before requests are repeated long after their answer.
const KILLS_BETWEEN: usize = 2;
/// The wait of a client after a failure.
const PAUSE: Duration = Duration::from_millis(20);

/// Requests, each with its own id, and the answers to them.
struct Additions {
    answers: Vec<Mutex<Vec<AddResponse>>>,
    sent_count: AtomicUsize,
    failures: FailureCounts,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct StoredCounter {
    total: u64,
    addition_count: u64,
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_has_one_effect_while_owners_are_killed() {
    additions_have_one_effect_each(1_200).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute in a release build"]
async fn each_of_20_000_requests_has_one_effect_while_owners_are_killed() {
    additions_have_one_effect_each(20_000).await;
}

async fn additions_have_one_effect_each(id_count: usize) {
    let mut cluster = WriteCluster::start(POD_COUNT).await;
    let mut clients = Vec::new();
    for number in 0..CLIENT_COUNT {
        clients.push(cluster.clerk(&format!("client-{number}")).await);
    }
    let began_at = Instant::now();
    let additions = Additions::new(id_count);
    let (killed, kills) = watch::channel(0);
    tokio::select! {
        () = cluster.kill_in_turn(&killed) => {}
        () = additions.send_all(&clients, kills) => {}
    }
    let lasted = began_at.elapsed();

    additions.check_answers();
    additions.check_store(&cluster).await;
    additions.check_pods(&clients[0]).await;
    let sent_count = additions.sent_count.load(Ordering::Relaxed);
    let answer_count: usize = additions
        .answers
        .iter()
        .map(|answers| answers.lock().unwrap().len())
        .sum();
    eprintln!(
        "{id_count} request ids, sent {sent_count} times, answered {answer_count} times in {lasted:.1?}, {} owners \
         killed; {}; {:?}",
        *killed.borrow(),
        additions.failures,
        cluster.counters().await
    );
}

impl Additions {
    fn new(id_count: usize) -> Self {
        Self {
            answers: (0..id_count).map(|_| Mutex::default()).collect(),
            sent_count: AtomicUsize::new(0),
            failures: FailureCounts::default(),
        }
    }

    fn key_count(&self) -> usize {
        self.answers.len() / IDS_PER_KEY
    }

    fn key_of(&self, id: usize) -> String {
        format!("counter-{}", id % self.key_count())
    }

    /// Sends each request from one client, every third one from a second client at the same time, and every fifth one
    /// again from a third client, when other pods own its key.
    async fn send_all(&self, clients: &[Clerk], mut kills: watch::Receiver<usize>) {
        let client = |number: usize| &clients[number % clients.len()];
        let first = (0..self.answers.len()).map(async |id| {
            let second = async {
                if id % 3 == 0 {
                    self.send(client(id + 1), id).await;
                }
            };
            tokio::join!(self.send(client(id), id), second)
        });
        let in_parallel = CLIENT_COUNT * CONCURRENCY;
        stream::iter(first)
            .buffer_unordered(in_parallel)
            .collect::<Vec<_>>()
            .await;
        let enough = *kills.borrow() + KILLS_BETWEEN;
        let killed = kills.wait_for(|count| *count >= enough);
        timeout(DEADLINE, killed).await.unwrap().unwrap();
        let again = (0..self.answers.len()).step_by(5);
        let again = again.map(async |id| self.send(client(id + 2), id).await);
        stream::iter(again)
            .buffer_unordered(in_parallel)
            .collect::<Vec<_>>()
            .await;
    }

    /// Sends a request repeatedly with the same id until it is answered.
    async fn send(&self, clerk: &Clerk, id: usize) {
        let answered = async {
            loop {
                self.sent_count.fetch_add(1, Ordering::Relaxed);
                match add(clerk, &self.key_of(id), amount_of(id), &format!("id-{id}")).await {
                    Ok(answer) => return answer,
                    Err(status) => self.failures.add(&status),
                }
                // tidy: paces, does not wait
                tokio::time::sleep(PAUSE).await;
            }
        };
        let answer = timeout(DEADLINE, answered).await;
        let answer = answer.unwrap_or_else(|_| panic!("id-{id} was not answered: {}", self.failures));
        self.answers[id].lock().unwrap().push(answer);
    }

    /// All answers to a request are equal, and the answers of a key form one sequence of additions.
    fn check_answers(&self) {
        let mut by_key: BTreeMap<String, Vec<(AddResponse, u64)>> = BTreeMap::new();
        for (id, answers) in self.answers.iter().enumerate() {
            let answers = answers.lock().unwrap();
            assert!(
                answers.windows(2).all(|pair| pair[0] == pair[1]),
                "id-{id}: {answers:?}"
            );
            by_key
                .entry(self.key_of(id))
                .or_default()
                .push((answers[0], amount_of(id)));
        }
        for (key, mut additions) in by_key {
            additions.sort_by_key(|(answer, _)| answer.addition_count);
            let mut expected = AddResponse::default();
            for (answer, amount) in additions {
                expected.total += amount;
                expected.addition_count += 1;
                assert_eq!(answer, expected, "{key}");
            }
        }
    }

    /// The sum of all requests of a key.
    fn counter_of(&self, key: &str) -> StoredCounter {
        let ids = (0..self.answers.len()).filter(|id| self.key_of(*id) == key);
        let amounts: Vec<u64> = ids.map(amount_of).collect();
        StoredCounter {
            total: amounts.iter().sum(),
            addition_count: amounts.len() as u64,
        }
    }

    async fn check_store(&self, cluster: &WriteCluster) {
        for key in (0..self.key_count()).map(|id| self.key_of(id)) {
            let found: Option<StoredCounter> = stored(cluster.store(), &key).await;
            assert_eq!(found, Some(self.counter_of(&key)), "{key}");
        }
    }

    /// Owners continue from the stored value.
    async fn check_pods(&self, clerk: &Clerk) {
        for key in (0..self.key_count()).map(|id| self.key_of(id)) {
            let asked = async {
                loop {
                    if let Ok(answer) = add(clerk, &key, 0, "last").await {
                        return answer;
                    }
                    // tidy: paces, does not wait
                    tokio::time::sleep(PAUSE).await;
                }
            };
            let answer = timeout(DEADLINE, asked).await.unwrap();
            let StoredCounter { total, addition_count } = self.counter_of(&key);
            assert_eq!(
                (answer.total, answer.addition_count),
                (total, addition_count + 1),
                "{key}"
            );
        }
    }
}

fn amount_of(id: usize) -> u64 {
    (id % 7 + 1) as u64
}

async fn add(clerk: &Clerk, key: &str, amount: u64, request_id: &str) -> Result<AddResponse, tonic::Status> {
    let request = AddRequest {
        key: key.to_owned(),
        amount,
        request_id: request_id.to_owned(),
    };
    let answer = DemoClient::new(clerk.for_key(key)).add(request).await?;
    Ok(answer.into_inner())
}
