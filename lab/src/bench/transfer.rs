//! `emberkeep bench transfer`: the cost of moving all warm values to a new pod, with and without the transfer.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_clerk::ClerkSettings;
use emberkeep_proto::pb;
use emberkeep_slicelet::ByteSize;
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use futures::stream::{self, StreamExt};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use tokio::time::{Instant, sleep};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::bench_cluster::{BenchEnvironment, start, write_objects};
use super::key_distribution::{KeyDistribution, KeySampler};
use super::object::{is_value_of, keys_of, value_of};
use super::process_memory::{ProcessMemory, reset_peak};
use super::transfer_report::{AnswerCounts, PodMemory, TransferReport, TransferRun};
use crate::cluster::{AssignmentObserver, PodOptions, PodProcess, ProcessCluster, Signal};
use crate::demo::{ReadTotals, TARGET};
use crate::load::{Clients, ScheduledRequest};
use crate::report::{ProgressEvent, ShowProgress};
use crate::{DEADLINE, LabError};

/// The values of the replaced pod, and the requests that give them different heat.
#[derive(Debug, Clone, Copy)]
pub struct TransferSettings {
    /// The number of objects, each requested once before the move and once after it.
    pub objects: u32,
    /// Bytes of one encoded object, up to 2 MiB.
    pub object_size: u64,
    /// The number of requests by distribution, after each object was requested once.
    pub asks: u32,
    /// The distribution of these requests over the objects.
    pub distribution: KeyDistribution,
    /// The number of concurrent requests.
    pub width: u16,
}

/// More load than one machine can produce: slices move only because a pod drains.
const MAX_LOAD_HINT_MILLI: u64 = 1_000_000_000;
/// Memory beside the values, for entries and headroom.
const SPARE_MEMORY: u64 = 16 << 20;
/// The deadline for the move of all slices.
const MOVE_TIMEOUT: Duration = Duration::from_secs(600);
/// The sampling interval of the memory of an ending pod.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Replaces a pod whose values are all warm, with and without the transfer, and reports the cost.
pub fn run(
    environment: BenchEnvironment,
    settings: TransferSettings,
    show: ShowProgress<'_>,
) -> LocalBoxFuture<'_, Result<TransferReport, LabError>> {
    measure(environment, settings, show).boxed_local()
}

async fn measure(
    environment: BenchEnvironment,
    settings: TransferSettings,
    show: ShowProgress<'_>,
) -> Result<TransferReport, LabError> {
    let pods = PodOptions {
        memory_budget: Some(ByteSize::bytes(settings.bytes() * 3 / 2 + SPARE_MEMORY)),
        log_level: "warn",
        serves_http: false,
        ..PodOptions::default()
    };
    let cluster = start(environment, pods, show).await?;
    cluster.create_target(TARGET, target_settings(true)).await?;
    let size = settings.object_size;
    let keys = keys_of(size, settings.objects);
    write_objects(&cluster, TARGET, &keys, |key| value_of(key, size), show).await?;
    let mut runs = Vec::new();
    for transfer in [true, false] {
        cluster.create_target(TARGET, target_settings(transfer)).await?;
        let replacement = PodReplacement::new(&cluster, settings, &keys, show);
        runs.push(replacement.run(transfer).await?);
    }
    cluster.end().await;
    Ok(TransferReport {
        objects: settings.objects,
        object_bytes: settings.object_size,
        asks: settings.asks,
        choice: settings.distribution.as_str(),
        runs,
    })
}

impl TransferSettings {
    /// The size of all objects together.
    fn bytes(&self) -> u64 {
        u64::from(self.objects) * self.object_size
    }
}

fn target_settings(transfer: bool) -> pb::TargetSettings {
    pb::TargetSettings {
        max_load_hint_milli: Some(MAX_LOAD_HINT_MILLI),
        max_replicas: Some(1),
        transfer: Some(transfer),
        ..Default::default()
    }
}

/// The replacement of one pod by another.
struct PodReplacement<'a> {
    cluster: &'a ProcessCluster,
    settings: TransferSettings,
    keys: &'a [Arc<str>],
    show: ShowProgress<'a>,
    assignment: AssignmentObserver,
    /// Ends the observer of the assignment.
    _end: DropGuard,
}

/// The time until the new pod served all keys.
struct MoveTimes {
    /// Measured from its start, when the old pod got SIGTERM.
    whole: Duration,
    /// Measured from the first slice that started to move.
    moving: Duration,
}

impl<'a> PodReplacement<'a> {
    fn new(
        cluster: &'a ProcessCluster,
        settings: TransferSettings,
        keys: &'a [Arc<str>],
        show: ShowProgress<'a>,
    ) -> Self {
        let end = CancellationToken::new();
        Self {
            cluster,
            settings,
            keys,
            show,
            assignment: AssignmentObserver::start(cluster.assigner_urls(), &[], &end),
            _end: end.drop_guard(),
        }
    }

    /// Warms a pod, replaces it, and returns the figures.
    async fn run(mut self, transfer: bool) -> Result<TransferRun, LabError> {
        let mode = if transfer { "with" } else { "without" };
        self.step(&format!("warming a pod that is replaced {mode} transfer"));
        let old = self.cluster.start_pod(format!("{mode}-old")).await?;
        let clients = self.settled(&old).await?;
        let mut before = self.request(&clients, 0..self.keys.len()).await;
        let mut rng = SmallRng::seed_from_u64(1);
        let sampler = KeySampler::new(self.settings.distribution, self.keys.len(), &mut rng);
        let chosen = (0..self.settings.asks).map(|_| sampler.draw(&mut rng));
        before += self.request(&clients, chosen).await;

        self.step("moving everything");
        let reads_before = self.reads()?;
        let old_steady_bytes = memory_of(&old)?.resident_bytes;
        reset_peak(old.process.id()?)?;
        let (mut new, times) = self.replace(&old, format!("{mode}-new")).await?;
        let old_peak_bytes = peak_until_end(old).await?;

        self.step("asking for each object once");
        let requested_at = Instant::now();
        let after = self.request(&clients, 0..self.keys.len()).await;
        let asking = requested_at.elapsed();
        let (reads, new_memory) = (self.reads()?, memory_of(&new)?);
        new.process.kill().await?;
        let mb = self.settings.bytes() as f64 / 1e6;
        Ok(TransferRun {
            transfer,
            seconds: times.whole.as_secs_f64(),
            moving_seconds: times.moving.as_secs_f64(),
            mb_per_s: transfer.then(|| mb / times.moving.as_secs_f64()),
            asking_seconds: asking.as_secs_f64(),
            asked: after.asked,
            warm: after.warm,
            store_reads: reads.count - reads_before.count,
            store_bytes: reads.bytes - reads_before.bytes,
            wrong: before.wrong + after.wrong,
            failed: before.failed + after.failed,
            old_pod: PodMemory::new(old_steady_bytes, old_peak_bytes),
            new_pod: PodMemory::new(new_memory.resident_bytes, new_memory.peak_bytes),
        })
    }

    fn step(&self, step: &str) {
        (self.show)(ProgressEvent::Step(step));
    }

    /// Waits until the pod owns all slices and none moves; returns clients that have the assignment.
    async fn settled(&mut self, pod: &PodProcess) -> Result<Clients, LabError> {
        let owner = [pod.address.to_string()].into();
        let generation = self.assignment.owned_by(&owner, DEADLINE).await?;
        let settled = self.assignment.settled_on(&owner, Instant::now() + DEADLINE);
        let unsettled = || LabError::failed(format!("slices still moved after {DEADLINE:?}"));
        settled.await.ok_or_else(unsettled)?;
        Clients::connect(&self.cluster.assigner_urls(), generation, ClerkSettings::default()).await
    }

    /// Starts the new pod, drains the old one, and waits until the new one serves all keys.
    async fn replace(&mut self, old: &PodProcess, new: String) -> Result<(PodProcess, MoveTimes), LabError> {
        let began = Instant::now();
        let moving = async {
            let moving = self.assignment.moving(began + MOVE_TIMEOUT).await;
            let idle = || LabError::failed(format!("no slice moved within {MOVE_TIMEOUT:?}"));
            moving.map(|()| Instant::now()).ok_or_else(idle)
        };
        let drained = old.process.signal(Signal::Terminate);
        let (new, (), moving_since) = tokio::try_join!(self.cluster.start_pod(new), drained, moving)?;
        let owner = [new.address.to_string()].into();
        self.assignment.owned_by(&owner, MOVE_TIMEOUT).await?;
        let times = MoveTimes {
            whole: began.elapsed(),
            moving: moving_since.elapsed(),
        };
        Ok((new, times))
    }

    /// Requests the objects of these indices.
    async fn request(&self, clients: &Clients, numbers: impl Iterator<Item = usize>) -> AnswerCounts {
        let requests = numbers.map(async |number| {
            let request = ScheduledRequest {
                at: None,
                key: Arc::clone(&self.keys[number]),
                key_number: number,
                load_milli: 1,
            };
            let answer = clients.view(number, &request).await;
            let is_right = |value: &[u8]| is_value_of(&request.key, self.settings.object_size, value);
            AnswerCounts::of(answer.map(|answer| (is_right(&answer.value), answer.was_warm)))
        });
        let mut answers = stream::iter(requests).buffer_unordered(self.settings.width.into());
        let mut sum = AnswerCounts::default();
        while let Some(answer) = answers.next().await {
            sum += answer;
        }
        sum
    }

    /// The reads of the store by all pods so far.
    fn reads(&self) -> Result<ReadTotals, LabError> {
        let folder = self.cluster.folder().reads();
        let unreadable = |error| LabError::failed(format!("cannot read {}: {error}", folder.display()));
        ReadTotals::in_folder(&folder).map_err(unreadable)
    }
}

fn memory_of(pod: &PodProcess) -> Result<ProcessMemory, LabError> {
    ProcessMemory::of_process(pod.process.id()?)
}

/// Waits until the pod has ended; returns its peak memory.
async fn peak_until_end(mut pod: PodProcess) -> Result<u64, LabError> {
    let process = pod.process.id()?;
    let mut peak_bytes = memory_of(&pod)?.peak_bytes;
    let sampling = async {
        loop {
            sleep(POLL_INTERVAL).await;
            if let Ok(memory) = ProcessMemory::of_process(process) {
                peak_bytes = memory.peak_bytes;
            }
        }
    };
    tokio::select! {
        ended = pod.process.ended(DEADLINE) => ended?,
        () = sampling => {}
    }
    Ok(peak_bytes)
}
