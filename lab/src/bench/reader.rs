//! A pod that reads its own keys, in a process of its own so that its memory can be measured.

use std::path::PathBuf;
use std::time::Duration;

use emberkeep_slicelet::{ByteSize, Raw, Slicelet, Store};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use serde::{Deserialize, Serialize};

use super::freshness::BenchFreshness;
use super::key_distribution::{KeyDistribution, KeySampler};
use super::local_pod::LocalPod;
use super::object::keys_of;
use super::process_memory::resident_bytes;
use super::read_workload::{ReadWorkload, ReadsReport};
use crate::LabError;
use crate::cluster::{ChildProcess, ProcessCluster};

/// The target of the objects.
pub(super) const TARGET: &str = "bench";
/// The deadline of all reads.
const READS_TIMEOUT: Duration = Duration::from_secs(3_600);

/// The settings of a reader.
#[derive(Debug, Clone)]
pub struct ReaderSettings {
    /// The name under which the pod registers.
    pub name: String,
    /// The URL of the assigner.
    pub assigner: String,
    /// The URL of the object store.
    pub store: String,
    /// The workload, and the sizes of memory and disk.
    pub reads: ReadSettings,
    /// The folder of its disk tier.
    pub disk: PathBuf,
}

/// The workload of a reader, and the sizes of its memory and disk.
#[derive(Debug, Clone, Copy)]
pub struct ReadSettings {
    /// The number of objects, each read once, before the reads by distribution.
    pub objects: u32,
    /// Bytes of one encoded object, up to 64 MiB.
    pub object_size: u64,
    /// The budget of warm values in memory.
    pub memory_budget: ByteSize,
    /// The size of the disk tier.
    pub disk_size: ByteSize,
    /// The freshness of values.
    pub freshness: BenchFreshness,
    /// The number of concurrent reads.
    pub width: u16,
    /// The number of reads by distribution, after each object was read once.
    pub reads: u32,
    /// The distribution of these reads over the objects.
    pub distribution: KeyDistribution,
}

/// The figures of a reader.
#[derive(Debug, Serialize, Deserialize)]
pub struct ReaderReport {
    /// The start time of the slicelet, mostly for the index of its disk tier.
    pub started_in_ms: f64,
    /// Resident memory before the first read.
    pub rss_before_bytes: u64,
    /// The reads of each object once, in order.
    pub once: ReadsReport,
    /// The reads by distribution.
    pub chosen: ReadsReport,
}

/// A reader with a started slicelet.
pub struct Reader {
    pod: LocalPod<Raw>,
    settings: ReadSettings,
}

impl Reader {
    /// Starts the slicelet, which reads the index of its disk tier.
    pub fn start(settings: ReaderSettings) -> LocalBoxFuture<'static, Result<Self, LabError>> {
        start(settings).boxed_local()
    }

    /// Reads each object once, and then by distribution.
    pub fn read(&self) -> LocalBoxFuture<'_, Result<ReaderReport, LabError>> {
        self.read_all().boxed_local()
    }

    /// Shuts the slicelet down.
    pub fn end(self) -> LocalBoxFuture<'static, ()> {
        self.pod.end().boxed_local()
    }

    async fn read_all(&self) -> Result<ReaderReport, LabError> {
        let settings = &self.settings;
        let keys = keys_of(settings.object_size, settings.objects);
        self.pod.owned(&keys[0]).await?;
        let rss_before_bytes = resident_bytes()?;
        let count = keys.len();
        let width = settings.width.into();
        let workload = ReadWorkload::new(self.pod.slicelet.clone(), keys, settings.object_size, width);
        let once = workload.read_all(0..count).await;
        let mut rng = SmallRng::seed_from_u64(1);
        let sampler = KeySampler::new(settings.distribution, count, &mut rng);
        let chosen = (0..settings.reads).map(|_| sampler.draw(&mut rng));
        let chosen = workload.read_all(chosen).await;
        Ok(ReaderReport {
            started_in_ms: self.pod.started_in.as_secs_f64() * 1e3,
            rss_before_bytes,
            once,
            chosen,
        })
    }
}

async fn start(settings: ReaderSettings) -> Result<Reader, LabError> {
    let reads = settings.reads;
    let builder = Slicelet::builder(TARGET)
        .pod_name(&settings.name)
        .assigner(&settings.assigner)
        .store(Store::from_url(&settings.store).await?)
        .memory_budget(reads.memory_budget)
        .disk_cache(&settings.disk, reads.disk_size)
        .freshness(reads.freshness.into());
    Ok(Reader {
        pod: LocalPod::start(builder).await?,
        settings: reads,
    })
}

impl ReaderReport {
    /// The report that a reader's process prints once it has read all.
    pub(super) async fn of(reader: &mut ChildProcess) -> Result<Self, LabError> {
        let line = reader.line(READS_TIMEOUT).await?;
        serde_json::from_str(&line).map_err(|error| LabError::failed(format!("a reader printed {line:?}: {error}")))
    }
}

/// Starts a reader in a process of its own, with this disk tier.
pub(super) async fn start_process(
    cluster: &ProcessCluster,
    settings: &ReadSettings,
    disk: &std::path::Path,
) -> Result<ChildProcess, LabError> {
    let args = [
        format!("--assigner={}", cluster.assigner_urls()[0]),
        format!("--objects={}", settings.objects),
        format!("--size={}", settings.object_size),
        format!("--budget={}", settings.memory_budget.as_bytes()),
        format!("--disk={}", disk.display()),
        format!("--disk-size={}", settings.disk_size.as_bytes()),
        format!("--freshness={}", settings.freshness.as_str()),
        format!("--width={}", settings.width),
        format!("--reads={}", settings.reads),
        format!("--choice={}", settings.distribution.as_str()),
    ];
    ChildProcess::start(cluster.process_spec("reader", "bench-reader", args)).await
}
