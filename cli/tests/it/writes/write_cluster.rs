//! A cluster whose pods serve writes, and are killed in turn.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use emberkeep_clerk::{Clerk, ClerkSettings};
use emberkeep_lab::DEADLINE;
use emberkeep_lab::cluster::{FailureLogs, MetricsPage, OperatorCommand, ProcessCluster, StoreChoice};
use emberkeep_lab::demo::TARGET;
use emberkeep_proto::pb;
use emberkeep_store::Store;
use rand::RngExt;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::writable_pods;

/// The interval of kills.
const KILL_INTERVAL: Duration = Duration::from_secs(1);
/// More load than the test produces: slices move only because pods start and end, or on request.
const MAX_LOAD_HINT_MILLI: u64 = 1_000_000_000;
/// The URL of a bucket on another server, with credentials in the environment as S3's tools expect them.
const OTHER_STORE: &str = "EMBERKEEP_TEST_STORE";

/// The processes, and the counters of their pods.
pub(crate) struct WriteCluster {
    _logs: FailureLogs,
    processes: ProcessCluster,
    pod_names: Vec<String>,
    killed_count: usize,
    counters: PodCounters,
}

/// The counters of all pods, except those counted between the last scrape and a kill.
#[derive(Debug, Default)]
#[allow(dead_code, reason = "it is printed")]
pub(crate) struct PodCounters {
    /// Requests answered with a stored answer.
    deduplicated_requests: u64,
    /// Writes repeated because another pod had written the same object.
    write_conflicts: u64,
    /// Objects written, each confirmed by the store.
    store_writes: u64,
}

impl WriteCluster {
    /// Starts this many pods, and waits until each owns slices.
    pub(crate) async fn start(pod_count: usize) -> Self {
        let target = pb::TargetSettings {
            max_load_hint_milli: Some(MAX_LOAD_HINT_MILLI),
            ..Default::default()
        };
        let processes = writable_pods::start(store(), target, pod_count).await;
        let pod_names = processes.pods().iter().map(|pod| pod.name().to_owned());
        Self {
            _logs: FailureLogs::of(processes.folder()),
            pod_names: pod_names.collect(),
            processes,
            killed_count: 0,
            counters: PodCounters::default(),
        }
    }

    /// A clerk with its own connections.
    pub(crate) async fn clerk(&self, name: &str) -> Clerk {
        let clerk = writable_pods::clerk(&self.processes, name, ClerkSettings::default()).await;
        clerk.ready(DEADLINE).await.unwrap();
        clerk
    }

    /// The store itself, without the pods.
    pub(crate) fn store(&self) -> &Store {
        &self.processes.storage().store
    }

    pub(crate) fn operator_command(&self) -> OperatorCommand {
        self.processes.operator_command()
    }

    /// Kills one pod after the other with SIGKILL, one a second, and starts each again at once under the same name and
    /// at the same address. `killed` receives the number of kills.
    pub(crate) async fn kill_in_turn(&mut self, killed: &watch::Sender<usize>) {
        let mut ticks = interval(KILL_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let name = self.pod_names[self.killed_count % self.pod_names.len()].clone();
            self.record_counters_of(&name).await;
            let pod = self.processes.pod_mut(&name).unwrap();
            assert_eq!(pod.process.unexpected_end(), None, "only the test ends pods");
            pod.process.kill().await.unwrap();
            self.killed_count += 1;
            killed.send_replace(self.killed_count);
            pod.process.start_again().await.unwrap();
        }
    }

    /// The counters of all pods, killed ones included.
    pub(crate) async fn counters(&mut self) -> &PodCounters {
        for name in self.pod_names.clone() {
            self.record_counters_of(&name).await;
        }
        &self.counters
    }

    async fn record_counters_of(&mut self, name: &str) {
        let pod = self.processes.pod_mut(name).unwrap();
        let Ok(page) = MetricsPage::scrape(pod.http).await else {
            return;
        };
        let counters = &mut self.counters;
        counters.deduplicated_requests += page.sum_of("emberkeep_slicelet_deduplicated_requests_total");
        counters.write_conflicts += page.sum_of("emberkeep_slicelet_write_conflicts_total");
        counters.store_writes += page.sum_of("emberkeep_slicelet_store_writes_total");
    }
}

/// A server of the cluster, or a new prefix of the bucket that the environment names.
fn store() -> StoreChoice {
    let Ok(bucket) = std::env::var(OTHER_STORE) else {
        return StoreChoice::EmbeddedS3;
    };
    let (place, options) = bucket.split_once('?').unwrap_or((&bucket, ""));
    StoreChoice::Url(format!("{place}/{:016x}?{options}", rand::random::<u64>()))
}

/// Pins a random range to a random pod, repeatedly; returns the number of pins.
pub(crate) async fn move_at_random(admin: OperatorCommand, pod_count: usize, move_count: &AtomicUsize) {
    let mut ticks = interval(KILL_INTERVAL / 2);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (start, pod) = {
            let mut rng = rand::rng();
            (rng.random_range(0..0xc0), rng.random_range(1..=pod_count))
        };
        let range = format!("{start:02x}..{:02x}", start + 0x3f);
        let owner = format!("pod-{pod}");
        let pinned = admin.run(&["pin", TARGET, "--range", &range, &owner]).await;
        // A pod that has just been killed may not own any range; then this pin moves nothing.
        if pinned.is_ok() {
            move_count.fetch_add(1, Ordering::Relaxed);
        }
    }
}
