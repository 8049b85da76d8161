//! `emberkeep bench herd`: the effect of a pod's loss on the store, with and without a bound on store requests.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use emberkeep_clerk::ClerkSettings;
use emberkeep_proto::pb;
use emberkeep_runtime::free_port::free_port;
use emberkeep_sim::workload::RequestTrace;
use emberkeep_store::embedded::{Capacity, CapacitySettings, EmbeddedS3, EmbeddedS3Settings};
use emberkeep_store::{Credentials, Durability};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use futures::stream::{self, StreamExt};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::bench_cluster::write_objects;
use super::herd_report::{HerdReport, HerdRun, StoreSample};
use crate::cluster::{
    AssignmentObserver, BUCKET, DataFolder, PodOptions, ProcessCluster, ProcessClusterSettings, Storage, environment_of,
};
use crate::demo::{TARGET, value_of};
use crate::load::{Clients, LoadRun, Pace, Schedule, drive};
use crate::report::{ProgressEvent, ShowProgress};
use crate::{DEADLINE, LabError};

/// The load on the pods, the capacity of the store, and the limits of the guard.
#[derive(Debug, Clone)]
pub struct HerdSettings {
    /// The binary `emberkeep` that each process runs.
    pub program: PathBuf,
    /// The folder of all data; `None` for temporary folders.
    pub data: Option<PathBuf>,
    /// The number of pods, one of which is killed.
    pub pods: u16,
    /// The number of keys, all warm before the kill.
    pub keys: u32,
    /// Requests a second, spread evenly over the keys.
    pub rate: u32,
    /// The duration of the load before the kill.
    pub before: Duration,
    /// The duration of the load after the kill.
    pub after: Duration,
    /// Concurrent reads that the store serves.
    pub store_places: u16,
    /// The service time of a read at the store.
    pub store_time: Duration,
    /// The maximum number of reads waiting at the store.
    pub store_waiting: u16,
    /// The guard's rate for the whole target, in store requests a second; `None` for 80 % of the store's.
    pub guard_rate: Option<u32>,
    /// The maximum number of concurrent store requests of a pod with the guard.
    pub guard_concurrency: u16,
    /// The waiting and retry settings of clients.
    pub clerk: ClerkSettings,
}

/// The maximum of the setting: effectively no bound.
const UNGUARDED_CONCURRENCY: u16 = 10_000;
/// The sampling interval of the store's counters.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(100);
/// The number of keys warmed concurrently, and the maximum number of rounds.
const WARMING_WIDTH: usize = 64;
const WARMING_ROUNDS_MAX: usize = 10;
/// More load than one machine can produce: slices move only because a pod was killed.
const MAX_LOAD_HINT_MILLI: u64 = 1_000_000_000;

/// The bounds on store requests.
#[derive(Debug, Clone, Copy)]
struct HerdGuard {
    name: &'static str,
    concurrency: u16,
    /// Store requests a second of the whole target.
    rate: Option<u32>,
}

/// Kills a pod under steady load, without and with the guard, and reports the requests to the store.
pub fn run(settings: HerdSettings, show: ShowProgress<'_>) -> LocalBoxFuture<'_, Result<HerdReport, LabError>> {
    measure(settings, show).boxed_local()
}

async fn measure(settings: HerdSettings, show: ShowProgress<'_>) -> Result<HerdReport, LabError> {
    let guards = [
        HerdGuard {
            name: "without",
            concurrency: UNGUARDED_CONCURRENCY,
            rate: None,
        },
        HerdGuard {
            name: "with",
            concurrency: settings.guard_concurrency,
            rate: Some(
                settings
                    .guard_rate
                    .unwrap_or_else(|| settings.store_rate() * 4 / 5)
                    .max(1),
            ),
        },
    ];
    let mut runs = Vec::new();
    for guard in guards {
        let herd = Herd::start(&settings, guard, show).await?;
        runs.push(herd.run(&settings, guard, show).await?);
    }
    Ok(HerdReport {
        pods: settings.pods,
        keys: settings.keys,
        requests_per_s: settings.rate,
        store_requests_per_s_max: settings.store_rate(),
        store_waiting_max: settings.store_waiting,
        runs,
    })
}

impl HerdSettings {
    /// Reads a second that the store can serve.
    fn store_rate(&self) -> u32 {
        (f64::from(self.store_places) / self.store_time.as_secs_f64()) as u32
    }

    fn capacity(&self) -> Arc<Capacity> {
        Capacity::new(CapacitySettings {
            slot_count: self.store_places.into(),
            service_time: self.store_time,
            waiting_max: self.store_waiting.into(),
        })
    }

    /// Evenly spaced requests for random keys, the same in each run.
    fn schedule(&self) -> Result<Schedule, LabError> {
        let count = ((self.before + self.after).as_secs_f64() * f64::from(self.rate)).ceil() as u64;
        let mut rng = SmallRng::seed_from_u64(1);
        let mut rows = "at_ms,key,load\n".to_owned();
        for number in 0..count {
            let at_ms = number * 1_000 / u64::from(self.rate);
            let key = rng.random_range(0..self.keys);
            writeln!(rows, "{at_ms},herd-{key},1").expect("a string can be written to");
        }
        let trace = RequestTrace::read(rows.as_bytes()).map_err(LabError::failed)?;
        Ok(Schedule::new(trace, Pace::Recorded(1.0), false))
    }
}

/// Pods that own all slices and have all values warm, with clients that have the assignment.
struct Herd {
    cluster: ProcessCluster,
    server: EmbeddedS3,
    capacity: Arc<Capacity>,
    clients: Clients,
    schedule: Arc<Schedule>,
    end: CancellationToken,
}

impl Herd {
    async fn start(settings: &HerdSettings, guard: HerdGuard, show: ShowProgress<'_>) -> Result<Self, LabError> {
        let step = format!("starting a cluster {} the guard", guard.name);
        show(ProgressEvent::Step(&step));
        let folder = DataFolder::open(settings.data.as_ref().map(|data| data.join(guard.name)))?;
        let capacity = settings.capacity();
        let (server, storage) = limited_store(&folder, Arc::clone(&capacity)).await?;
        let cluster_settings = ProcessClusterSettings {
            pods: PodOptions {
                memory_budget: None,
                load_concurrency: Some(guard.concurrency.into()),
                log_level: "warn",
                records_reads: false,
                serves_http: false,
                ..PodOptions::default()
            },
            ..ProcessClusterSettings::new(settings.program.clone())
        };
        let mut cluster = ProcessCluster::start_beside(storage, folder, cluster_settings).await?;
        cluster.create_target(TARGET, target_settings(None)).await?;
        let schedule = Arc::new(settings.schedule()?);
        write_objects(&cluster, TARGET, schedule.keys(), value_of, show).await?;

        cluster.start_pods(settings.pods.into()).await?;
        let end = CancellationToken::new();
        let mut assignment = AssignmentObserver::start(cluster.assigner_urls(), &[], &end);
        let generation = assignment.owned_by(&cluster.pod_addresses(), DEADLINE).await?;
        let clients = Clients::connect(&cluster.assigner_urls(), generation, settings.clerk.clone()).await?;
        let herd = Self {
            cluster,
            server,
            capacity,
            clients,
            schedule,
            end,
        };
        herd.warm(show).await?;
        Ok(herd)
    }

    /// Requests every key until all are warm.
    async fn warm(&self, show: ShowProgress<'_>) -> Result<(), LabError> {
        show(ProgressEvent::Step("warming"));
        for _ in 0..WARMING_ROUNDS_MAX {
            let requests = self.schedule.each_key_once().enumerate();
            let answers = requests.map(async |(number, mut request)| {
                request.load_milli = 1;
                self.clients.view(number, &request).await
            });
            let warm = stream::iter(answers)
                .buffer_unordered(WARMING_WIDTH)
                .filter(|answer| std::future::ready(answer.as_ref().is_ok_and(|answer| answer.was_warm)));
            if warm.count().await == self.schedule.keys().len() {
                return Ok(());
            }
        }
        Err(LabError::failed(format!(
            "not all {} keys were warm after {WARMING_ROUNDS_MAX} rounds",
            self.schedule.keys().len()
        )))
    }

    /// Sends the load, kills a pod meanwhile, and returns the figures.
    async fn run(
        mut self,
        settings: &HerdSettings,
        guard: HerdGuard,
        show: ShowProgress<'_>,
    ) -> Result<HerdRun, LabError> {
        self.cluster.create_target(TARGET, target_settings(guard.rate)).await?;
        self.capacity.limit();
        let step = format!("sending requests for {:?}", settings.before + settings.after);
        show(ProgressEvent::Step(&step));
        let run = Arc::new(LoadRun::start_keeping_requests(self.schedule.keys().len()));
        let samples = tokio::spawn(sample(Arc::clone(&self.capacity), Arc::clone(&run), self.end.clone()));
        let load = drive(
            Arc::clone(&self.schedule),
            self.clients.clone(),
            Arc::clone(&run),
            self.end.clone(),
        );
        let load = tokio::spawn(load);
        sleep_until(run.instant_of(settings.before)).await;
        let mut pods = self.cluster.pod_names().into_iter();
        if let Some(first) = pods.next() {
            self.cluster.kill_pod(&first).await?;
        }
        let killed_at = run.now();
        load.await.map_err(LabError::failed)?;
        self.end.cancel();
        let samples = samples.await.map_err(LabError::failed)?;
        for pod in pods {
            self.cluster.kill_pod(&pod).await?;
        }
        self.cluster.end().await;
        self.server.shutdown().await;
        Ok(HerdRun::new(
            guard.name,
            guard.concurrency,
            guard.rate,
            killed_at,
            &run.take_requests(),
            &samples,
        ))
    }
}

/// The settings of the target; without a rate, the present one stays.
fn target_settings(store_requests_per_second: Option<u32>) -> pb::TargetSettings {
    pb::TargetSettings {
        max_load_hint_milli: Some(MAX_LOAD_HINT_MILLI),
        store_requests_per_second,
        ..Default::default()
    }
}

/// A server inside this process, whose counters can be read.
async fn limited_store(folder: &DataFolder, capacity: Arc<Capacity>) -> Result<(EmbeddedS3, Storage), LabError> {
    let credentials = Credentials {
        access_key: "emberkeep-bench".to_owned(),
        secret_key: format!("{:032x}", rand::random::<u128>()),
    };
    let env = environment_of(&credentials);
    let settings = EmbeddedS3Settings {
        listen: (Ipv4Addr::LOCALHOST, free_port()?).into(),
        folder: folder.buckets(),
        credentials,
        durability: Durability::Unsynced,
    };
    let server = EmbeddedS3::start_limited(settings, capacity).await?;
    server.create_bucket(BUCKET).await?;
    let storage = Storage {
        store: server.store(BUCKET).await?,
        url: server.url(BUCKET),
        env,
        server: None,
    };
    Ok((server, storage))
}

/// Samples the store's counters.
async fn sample(capacity: Arc<Capacity>, run: Arc<LoadRun>, end: CancellationToken) -> Vec<StoreSample> {
    let mut samples = Vec::new();
    let mut ticks = interval(SAMPLE_INTERVAL);
    while end.run_until_cancelled(ticks.tick()).await.is_some() {
        samples.push(StoreSample {
            at: run.now(),
            served: capacity.served_count(),
            refused: capacity.refused_count(),
        });
    }
    samples
}
