//! Updates of a key are linearizable while owners are killed and keys are moved.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use emberkeep_clerk::Clerk;
use emberkeep_lab::demo::pb::AppendRequest;
use emberkeep_lab::demo::pb::demo_client::DemoClient;
use emberkeep_testkit::deadline::RUN_DEADLINE;
use emberkeep_testkit::linearizability::{AppendHistory, AppendOutcome};
use futures::future::join_all;
use tokio::sync::watch;
use tokio::time::timeout;
use tonic::Status;

use super::envelope::stored;
use super::failures::{FailureCounts, promises_no_effect};
use super::write_cluster::{WriteCluster, move_at_random};

const POD_COUNT: usize = 3;
const CLIENT_COUNT: usize = 8;
/// The wait of a client after a failure.
const PAUSE: Duration = Duration::from_millis(20);

/// One list per key, with the history of its appends.
struct AppendLists {
    lists: Vec<AppendHistory<u64>>,
    called_count: AtomicUsize,
    failures: FailureCounts,
}

/// The number of appends, and the minimum number of kills.
#[derive(Clone, Copy)]
struct RunSize {
    keys: usize,
    appends: usize,
    kills: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn some_order_explains_the_updates_of_each_key_under_kills_and_moves() {
    let size = RunSize {
        keys: 10,
        appends: 1_000,
        kills: 3,
    };
    some_order_explains_all_updates(size).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute in a release build"]
async fn some_order_explains_10_000_updates_of_50_keys_under_kills_and_moves() {
    let size = RunSize {
        keys: 50,
        appends: 10_000,
        kills: 20,
    };
    some_order_explains_all_updates(size).await;
}

async fn some_order_explains_all_updates(size: RunSize) {
    let mut cluster = WriteCluster::start(POD_COUNT).await;
    let mut clients = Vec::new();
    for number in 0..CLIENT_COUNT {
        clients.push(cluster.clerk(&format!("client-{number}")).await);
    }
    let began_at = Instant::now();
    let lists = AppendLists::new(size.keys);
    let (killed, kills) = watch::channel(0);
    let move_count = AtomicUsize::new(0);
    let moves = move_at_random(cluster.operator_command(), POD_COUNT, &move_count);
    let calls = clients.iter().map(|clerk| lists.append_until(clerk, size, &kills));
    let run = async {
        tokio::select! {
            () = cluster.kill_in_turn(&killed) => {}
            () = moves => {}
            _ = join_all(calls) => {}
        }
    };
    timeout(RUN_DEADLINE, run).await.unwrap();
    assert!(move_count.load(Ordering::Relaxed) > 0, "nothing was moved");
    let lasted = began_at.elapsed();

    let judged_at = Instant::now();
    for (number, list) in lists.lists.iter().enumerate() {
        let key = key_of(number);
        let last: Vec<String> = stored(cluster.store(), &key).await.unwrap_or_default();
        let last: Vec<u64> = last.iter().map(|entry| entry.parse().unwrap()).collect();
        list.check(&last).unwrap_or_else(|reason| panic!("{key}: {reason}"));
    }
    eprintln!(
        "{} appends to {} keys in {lasted:.1?}: {} acknowledged, {} refused, {} in doubt; {} owners killed, \
         {} ranges moved, generation {}; {}; judged in {:.1?}; {:?}",
        lists.count(|_| true),
        size.keys,
        lists.count(|outcome| matches!(outcome, AppendOutcome::Appended(_))),
        lists.count(|outcome| *outcome == AppendOutcome::Rejected),
        lists.count(|outcome| *outcome == AppendOutcome::Unknown),
        *killed.borrow(),
        move_count.load(Ordering::Relaxed),
        clients[0].ready(Duration::ZERO).await.unwrap(),
        lists.failures,
        judged_at.elapsed(),
        cluster.counters().await
    );
}

impl AppendLists {
    fn new(key_count: usize) -> Self {
        Self {
            lists: (0..key_count).map(|_| AppendHistory::default()).collect(),
            called_count: AtomicUsize::new(0),
            failures: FailureCounts::default(),
        }
    }

    /// Appends to random lists, one after the other, until there are enough appends and kills.
    async fn append_until(&self, clerk: &Clerk, size: RunSize, kills: &watch::Receiver<usize>) {
        loop {
            let entry = self.called_count.fetch_add(1, Ordering::Relaxed);
            if entry >= size.appends && *kills.borrow() >= size.kills {
                return;
            }
            let number = rand::random_range(0..size.keys);
            let list = &self.lists[number];
            let call = list.on_call(entry as u64);
            match append(clerk, &key_of(number), entry).await {
                Ok(entries) => list.on_outcome(call, AppendOutcome::Appended(entries)),
                Err(status) => {
                    let outcome = match promises_no_effect(&status) {
                        true => AppendOutcome::Rejected,
                        false => AppendOutcome::Unknown,
                    };
                    list.on_outcome(call, outcome);
                    self.failures.add(&status);
                    // tidy: paces, does not wait
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn count(&self, is_counted: impl Fn(&AppendOutcome<u64>) -> bool) -> usize {
        self.lists.iter().map(|list| list.count(&is_counted)).sum()
    }
}

fn key_of(number: usize) -> String {
    format!("list-{number}")
}

async fn append(clerk: &Clerk, key: &str, entry: usize) -> Result<Vec<u64>, Status> {
    let request = AppendRequest {
        key: key.to_owned(),
        entry: entry.to_string(),
    };
    let answer = DemoClient::new(clerk.for_key(key)).append(request).await?;
    let entries = answer.into_inner().entries;
    Ok(entries.iter().map(|entry| entry.parse().unwrap()).collect())
}
