//! A cluster of real processes for tests: assigner, store, and pods of the demo service that take writes.

mod process;
mod storage;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use emberkeep_clerk::Clerk;
use emberkeep_store::Store;
use rand::RngExt;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

pub(crate) use self::process::free_address;
use self::process::{Process, done};
use self::storage::Storage;

/// How long anything may take that must happen: only a fault reaches it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// How often an owner is killed.
const KILL_INTERVAL: Duration = Duration::from_secs(1);

/// The name of the demo's target.
pub(crate) const TARGET: &str = "demo";

/// All processes. They end with it, and with the test, however that ends.
pub(crate) struct Cluster {
    assigner_url: String,
    storage: Storage,
    pods: Vec<Pod>,
    killed_count: usize,
    counted: Counted,
    _assigner: Process,
    folder: TempDir,
}

struct Pod {
    name: String,
    listen: SocketAddr,
    http: SocketAddr,
    process: Process,
}

/// What pods counted until they were killed.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    /// Requests that were answered from the memory of answered requests.
    pub(crate) deduplicated_requests: u64,
    /// Writes that had to be done again because another pod had written the same object.
    pub(crate) write_conflicts: u64,
    /// Objects written.
    pub(crate) writes: u64,
}

impl Cluster {
    /// Starts a cluster of so many pods, and waits until they own everything.
    pub(crate) async fn start(pod_count: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(folder.path()).await;
        let (listen, http) = (free_address(), free_address());
        let args = [
            "assigner".to_owned(),
            "--with-parent".to_owned(),
            format!("--listen={listen}"),
            format!("--http={http}"),
            format!("--data={}", folder.path().join("assigner").display()),
        ];
        let assigner = Process::start(&args, &[], &folder.path().join("assigner.log")).await;
        let mut cluster = Self {
            assigner_url: format!("http://{listen}"),
            storage,
            pods: Vec::new(),
            killed_count: 0,
            counted: Counted::default(),
            _assigner: assigner,
            folder,
        };
        // Slices move because pods come and go or are told to, and for no other reason.
        cluster
            .admin(&["create-target", TARGET, "--max-load-hint", "1000000"])
            .await;
        for number in 1..=pod_count {
            let pod = cluster.new_pod(format!("pod-{number}")).await;
            cluster.pods.push(pod);
        }
        cluster.owned_by_all().await;
        cluster
    }

    /// A clerk with connections of its own.
    pub(crate) async fn clerk(&self, name: &str) -> Clerk {
        let builder = Clerk::builder(TARGET).name(name).assigner(&self.assigner_url);
        let clerk = builder.connect().await.unwrap();
        clerk.ready(DEADLINE).await.unwrap();
        clerk
    }

    /// The store itself, past all pods.
    pub(crate) fn store(&self) -> &Store {
        &self.storage.store
    }

    /// Kills one pod after the other with SIGKILL, one a second, and starts each again at once, under the same name and
    /// at the same address; `killed` is told how many.
    pub(crate) async fn kill_in_turn(&mut self, killed: &watch::Sender<usize>) {
        let mut ticks = interval(KILL_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let place = self.killed_count % self.pods.len();
            self.count(place).await;
            self.pods[place].process.kill().await;
            self.killed_count += 1;
            killed.send_replace(self.killed_count);
            self.pods[place].process = self.started(&self.pods[place]).await;
        }
    }

    /// What all pods that there were have counted, but for the last moments of those that were killed.
    pub(crate) async fn counted(&mut self) -> &Counted {
        for place in 0..self.pods.len() {
            self.count(place).await;
        }
        &self.counted
    }

    /// How to run `emberkeep admin` while the cluster is busy with other things.
    pub(crate) fn admin_url(&self) -> String {
        self.assigner_url.clone()
    }

    async fn admin(&self, args: &[&str]) {
        admin(&self.assigner_url, args).await.unwrap();
    }

    async fn new_pod(&self, name: String) -> Pod {
        let (listen, http) = (free_address(), free_address());
        let process = self.pod_process(&name, listen, http).await;
        Pod {
            name,
            listen,
            http,
            process,
        }
    }

    async fn started(&self, pod: &Pod) -> Process {
        self.pod_process(&pod.name, pod.listen, pod.http).await
    }

    async fn pod_process(&self, name: &str, listen: SocketAddr, http: SocketAddr) -> Process {
        let folder = self.folder.path();
        let args = [
            "dev-pod".to_owned(),
            "--writable".to_owned(),
            format!("--name={name}"),
            format!("--listen={listen}"),
            format!("--http={http}"),
            format!("--assigner={}", self.assigner_url),
            format!("--store={}", self.storage.url),
            format!("--reads={}", folder.join(format!("{name}.reads")).display()),
        ];
        Process::start(&args, &self.storage.env, &folder.join(format!("{name}.log"))).await
    }

    async fn owned_by_all(&self) {
        let clerk = self.clerk("starter").await;
        let mut held = clerk.assignment();
        let all = held.wait_for(|held| {
            let pods = held.as_ref().map(|held| held.assignment.pods().len());
            pods == Some(self.pods.len())
        });
        timeout(DEADLINE, all).await.unwrap().unwrap();
    }

    async fn count(&mut self, place: usize) {
        let Ok(page) = metrics(self.pods[place].http).await else {
            return;
        };
        let counted = &mut self.counted;
        counted.deduplicated_requests += sum_of(&page, "emberkeep_slicelet_deduplicated_requests_total");
        counted.write_conflicts += sum_of(&page, "emberkeep_slicelet_write_conflicts_total");
        counted.writes += sum_of(&page, "emberkeep_slicelet_store_writes_total");
    }
}

/// Runs `emberkeep admin`; what it complained of if it failed.
pub(crate) async fn admin(assigner_url: &str, args: &[&str]) -> Result<(), String> {
    let all = [&["admin", "--assigner", assigner_url], args].concat();
    done(&all).await
}

/// Binds the keys of a random range to a random pod, again and again; counts how often.
pub(crate) async fn move_at_random(assigner_url: String, pod_count: usize, move_count: &AtomicUsize) {
    let mut ticks = interval(KILL_INTERVAL / 2);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (start, pod) = {
            let mut chance = rand::rng();
            (chance.random_range(0..0xc0), chance.random_range(1..=pod_count))
        };
        let range = format!("{start:02x}..{:02x}", start + 0x3f);
        let owner = format!("pod-{pod}");
        let pinned = admin(&assigner_url, &["pin", TARGET, "--range", &range, &owner]).await;
        // A pod that has just been killed may not own any: then nothing moves this time.
        if pinned.is_ok() {
            move_count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What a pod shows.
async fn metrics(http: SocketAddr) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(http).await?;
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let mut page = String::new();
    connection.read_to_string(&mut page).await?;
    Ok(page)
}

/// The sum of all lines of that metric.
fn sum_of(page: &str, metric: &str) -> u64 {
    let values = page.lines().filter(|line| line.starts_with(metric));
    let values = values.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    values.sum()
}
