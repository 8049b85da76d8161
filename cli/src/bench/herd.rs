//! `emberkeep bench herd`: what the loss of a pod does to the store, with and without a bound on store requests.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use emberkeep_proto::pb;
use emberkeep_sim::workload::RequestTrace;
use emberkeep_store::embedded::{Capacity, CapacitySettings, EmbeddedS3, EmbeddedS3Settings};
use emberkeep_store::{Credentials, Durability};
use futures::future::try_join_all;
use futures::stream::{self, StreamExt};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::herd_report::{HerdReport, HerdRun, StoreSample};
use super::site::{Site, step};
use crate::dev::{
    AssignmentLog, BUCKET, Child, Clients, DEMO_TARGET, DataFolder, Due, Pace, Run, Schedule, Storage, demo_value_of,
    drive, failure_of_store, free_port,
};
use crate::duration::positive_duration_from;
use crate::exit::Failure;

/// Kill a pod under steady load: what its keys do to the store, with and without the herd guard.
///
/// The store is an S3 server that can do only so much: a read takes one of a fixed number of places for a fixed time, a
/// few wait for one, and any more get 503 SlowDown. Without the guard, pods load as much as they like at a time; with
/// it, the assigner shares out a rate for the whole target, and each pod loads few at a time.
#[derive(Debug, Args)]
pub(super) struct HerdArgs {
    /// How many pods there are, of which one is killed
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u16).range(2..=16))]
    pods: u16,
    /// How many keys there are, all warm before the kill
    #[arg(long, value_name = "COUNT", default_value_t = 8_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    keys: u32,
    /// Requests a second, spread evenly over the keys
    #[arg(long, value_name = "COUNT", default_value_t = 1_500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// How long the load lasts before the kill
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = positive_duration_from)]
    before: Duration,
    /// How long it lasts after
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = positive_duration_from)]
    after: Duration,
    /// How many reads the store works on at a time
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    store_places: u16,
    /// How long each takes it
    #[arg(long, value_name = "TIME", default_value = "20ms", value_parser = positive_duration_from)]
    store_time: Duration,
    /// How many reads may wait at the store
    #[arg(long, value_name = "COUNT", default_value_t = 32)]
    store_waiting: u16,
    /// The guard's rate for the whole target, in store requests a second [default: 80 % of what the store can do]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    guard_rate: Option<u32>,
    /// How many store requests a pod may make at a time with the guard
    #[arg(long, value_name = "COUNT", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    guard_concurrency: u16,
    /// Where everything is kept [default: a temporary folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Write the report to this file as JSON
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
}

/// As many as there can be, which is no bound.
const UNGUARDED_CONCURRENCY: u16 = 10_000;
const ASSIGN_TIMEOUT: Duration = Duration::from_secs(60);
/// How often the store's counts are looked at.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(100);
/// How many keys are warmed at a time, and how often until all are warm.
const WARMING_WIDTH: usize = 64;
const WARMING_ROUNDS_MAX: usize = 10;
/// More load than a machine like this can make: slices move because a pod was killed, and for no other reason.
const MAX_LOAD_HINT_MILLI: u64 = 1_000_000_000;

/// Whether store requests are bounded, and how.
#[derive(Debug, Clone, Copy)]
struct Guard {
    name: &'static str,
    concurrency: u16,
    /// Store requests a second of the whole target.
    rate: Option<u32>,
}

pub(super) async fn run(args: HerdArgs) -> Result<HerdReport, Failure> {
    let guards = [
        Guard {
            name: "without",
            concurrency: UNGUARDED_CONCURRENCY,
            rate: None,
        },
        Guard {
            name: "with",
            concurrency: args.guard_concurrency,
            rate: Some(args.guard_rate.unwrap_or_else(|| args.store_rate() * 4 / 5).max(1)),
        },
    ];
    let mut runs = Vec::new();
    for guard in guards {
        runs.push(Herd::set(&args, guard).await?.play(&args, guard).await?);
    }
    Ok(HerdReport {
        pods: args.pods,
        keys: args.keys,
        requests_per_s: args.rate,
        store_requests_per_s_max: args.store_rate(),
        store_waiting_max: args.store_waiting,
        runs,
    })
}

impl HerdArgs {
    /// How many reads a second the store can do.
    fn store_rate(&self) -> u32 {
        (f64::from(self.store_places) / self.store_time.as_secs_f64()) as u32
    }

    fn capacity(&self) -> Arc<Capacity> {
        Capacity::new(CapacitySettings {
            places: self.store_places.into(),
            service_time: self.store_time,
            waiting_max: self.store_waiting.into(),
        })
    }

    /// Requests at even distances for keys by chance, the same in each run.
    fn schedule(&self) -> Result<Schedule, Failure> {
        let count = ((self.before + self.after).as_secs_f64() * f64::from(self.rate)).ceil() as u64;
        let mut chance = SmallRng::seed_from_u64(1);
        let mut rows = "at_ms,key,load\n".to_owned();
        for number in 0..count {
            let at_ms = number * 1_000 / u64::from(self.rate);
            let key = chance.random_range(0..self.keys);
            writeln!(rows, "{at_ms},herd-{key},1").expect("a text takes all");
        }
        let trace = RequestTrace::read(rows.as_bytes()).map_err(Failure::failed)?;
        Ok(Schedule::new(trace, Pace::Recorded(1.0), false))
    }
}

/// Pods that own everything and have it warm, with clients that know them.
struct Herd {
    site: Site,
    server: EmbeddedS3,
    capacity: Arc<Capacity>,
    pods: Vec<Child>,
    clients: Clients,
    schedule: Arc<Schedule>,
    end: CancellationToken,
}

impl Herd {
    async fn set(args: &HerdArgs, guard: Guard) -> Result<Self, Failure> {
        step(&format!("starting a cluster {} the guard", guard.name));
        let folder = DataFolder::open(args.data.as_ref().map(|data| data.join(guard.name)))?;
        let capacity = args.capacity();
        let (server, storage) = limited_store(&folder, Arc::clone(&capacity)).await?;
        let site = Site::on(folder, storage).await?;
        site.create_target(DEMO_TARGET, settings(None)).await?;
        let schedule = Arc::new(args.schedule()?);
        site.write(DEMO_TARGET, schedule.keys(), demo_value_of).await?;

        let ports = (0..args.pods).map(|_| free_port());
        let places = ports.map(|port| Ok((Ipv4Addr::LOCALHOST, port?).into()));
        let places = places.collect::<Result<Vec<SocketAddr>, Failure>>()?;
        let started = places.iter().zip(1..).map(|(place, number)| {
            let words = [
                format!("--listen={place}"),
                format!("--load-concurrency={}", guard.concurrency),
            ];
            Child::start(site.spec(&format!("pod-{number}"), "bench-pod", words))
        });
        let pods = try_join_all(started).await?;
        let end = CancellationToken::new();
        let mut assignment = AssignmentLog::follow(vec![site.assigner_url()], &[], &end);
        let addresses: BTreeSet<String> = places.iter().map(SocketAddr::to_string).collect();
        let generation = assignment.owned_by(&addresses, ASSIGN_TIMEOUT).await?;
        let clients = Clients::connect(&[site.assigner_url()], generation).await?;
        let herd = Self {
            site,
            server,
            capacity,
            pods,
            clients,
            schedule,
            end,
        };
        herd.warm().await?;
        Ok(herd)
    }

    /// Asks for every key until all are warm.
    async fn warm(&self) -> Result<(), Failure> {
        step("warming");
        for _ in 0..WARMING_ROUNDS_MAX {
            let keys = self.schedule.keys().iter().enumerate();
            let asked = keys.map(async |(number, key)| {
                let due = Due {
                    at: None,
                    key: Arc::clone(key),
                    key_number: number,
                    load_milli: 1,
                };
                self.clients.ask(number, &due).await
            });
            let warm = stream::iter(asked)
                .buffer_unordered(WARMING_WIDTH)
                .filter(|answer| std::future::ready(answer.as_ref().is_ok_and(|answer| answer.was_warm)));
            if warm.count().await == self.schedule.keys().len() {
                return Ok(());
            }
        }
        Err(Failure::failed(format!(
            "not all {} keys were warm after {WARMING_ROUNDS_MAX} rounds",
            self.schedule.keys().len()
        )))
    }

    /// Sends the load, kills a pod on the way, and says what came of it.
    async fn play(mut self, args: &HerdArgs, guard: Guard) -> Result<HerdRun, Failure> {
        self.site.configure_target(DEMO_TARGET, settings(guard.rate)).await?;
        self.capacity.limit();
        step(&format!("sending requests for {:?}", args.before + args.after));
        let run = Arc::new(Run::start_keeping_replies(self.schedule.keys().len()));
        let samples = tokio::spawn(samples(Arc::clone(&self.capacity), Arc::clone(&run), self.end.clone()));
        let load = drive(
            Arc::clone(&self.schedule),
            self.clients.clone(),
            Arc::clone(&run),
            self.end.clone(),
        );
        let load = tokio::spawn(load);
        sleep_until(run.instant_of(args.before)).await;
        self.pods[0].kill().await?;
        let killed_at = run.now();
        load.await.map_err(Failure::failed)?;
        self.end.cancel();
        let samples = samples.await.map_err(Failure::failed)?;
        for pod in &mut self.pods[1..] {
            pod.kill().await?;
        }
        self.site.end().await;
        self.server.shutdown().await;
        let replies = run.take_replies();
        Ok(HerdRun::new(
            guard.name,
            guard.concurrency,
            guard.rate,
            killed_at,
            &replies,
            &samples,
        ))
    }
}

/// The settings of the target; a rate that is not named stays as it is.
fn settings(store_requests_per_second: Option<u32>) -> pb::TargetSettings {
    pb::TargetSettings {
        max_load_hint_milli: Some(MAX_LOAD_HINT_MILLI),
        store_requests_per_second,
        ..Default::default()
    }
}

/// A server inside this process, where its counts are.
async fn limited_store(folder: &DataFolder, capacity: Arc<Capacity>) -> Result<(EmbeddedS3, Storage), Failure> {
    let credentials = Credentials {
        access_key: "emberkeep-bench".to_owned(),
        secret_key: format!("{:032x}", rand::random::<u128>()),
    };
    let env = vec![
        ("AWS_ACCESS_KEY_ID", credentials.access_key.clone()),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_key.clone()),
        ("AWS_SESSION_TOKEN", String::new()),
    ];
    let settings = EmbeddedS3Settings {
        listen: (Ipv4Addr::LOCALHOST, free_port()?).into(),
        folder: folder.buckets(),
        credentials,
        durability: Durability::Unsynced,
    };
    let server = EmbeddedS3::start_limited(settings, capacity)
        .await
        .map_err(failure_of_store)?;
    server.create_bucket(BUCKET).await.map_err(failure_of_store)?;
    let storage = Storage {
        store: server.store(BUCKET).await.map_err(failure_of_store)?,
        url: server.url(BUCKET),
        env,
        server: None,
    };
    Ok((server, storage))
}

/// What the store has done, from time to time.
async fn samples(capacity: Arc<Capacity>, run: Arc<Run>, end: CancellationToken) -> Vec<StoreSample> {
    let mut samples = Vec::new();
    let mut beat = interval(SAMPLE_INTERVAL);
    while end.run_until_cancelled(beat.tick()).await.is_some() {
        samples.push(StoreSample {
            at: run.now(),
            served: capacity.served_count(),
            refused: capacity.refused_count(),
        });
    }
    samples
}
