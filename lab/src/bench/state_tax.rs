//! `emberkeep bench state-tax`: the cost of a request whose state is not in the memory of its pod.

use std::fmt;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use emberkeep_proto::pb;
use emberkeep_slicelet::{ByteSize, Codec, Freshness, Json, Raw, Slicelet};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use serde::Serialize;
use tokio::task::block_in_place;

use super::bench_cluster::{BenchEnvironment, start, write_objects};
use super::bench_report::BenchReport;
use super::document::Document;
use super::local_pod::LocalPod;
use super::object::{keys_of, value_of};
use super::redis::Redis;
use crate::LabError;
use crate::cluster::{PodOptions, ProcessCluster};
use crate::report::{ProgressEvent, ReportTable, ShowProgress, nanos, quantile, time};

/// The sizes of the values, and how often each is read.
#[derive(Debug, Clone)]
pub struct StateTaxSettings {
    /// The sizes of objects in bytes.
    pub sizes: Vec<u64>,
    /// The number of objects of each size read cold; of large ones no more than 512 MiB.
    pub objects: u32,
    /// The number of reads of a warm value.
    pub reads: u32,
}

/// The figures of the measurement. Field names are stable.
#[derive(Debug, Serialize)]
pub struct StateTaxReport {
    has_redis: bool,
    rows: Vec<StateTaxRow>,
}

/// One size and codec. Times are in nanoseconds.
#[derive(Debug, Serialize)]
struct StateTaxRow {
    value_bytes: u64,
    codec: &'static str,
    cold_p50_ns: f64,
    cold_p99_ns: f64,
    warm_p50_ns: f64,
    warm_p99_ns: f64,
    redis_p50_ns: Option<f64>,
    redis_p99_ns: Option<f64>,
    /// As `redis_p50_ns`, with the value decoded.
    redis_decoded_p50_ns: Option<f64>,
    cold_over_warm: f64,
    redis_over_warm: Option<f64>,
    wrong: u64,
}

/// The most bytes of one size that are read cold; further reads do not change the percentiles noticeably.
const COLD_BYTES_MAX: u64 = 512 << 20;
const COLD_COUNT_MIN: u64 = 3;
/// Reading a clock takes about as long as a warm read, so many reads are timed together.
const BATCH: u32 = 1_000;
/// More memory than all objects need, so that none is evicted.
const MEMORY_BUDGET: ByteSize = ByteSize::gib(4);

/// Reads the same objects cold, warm and from Redis.
pub fn run(
    environment: BenchEnvironment,
    settings: StateTaxSettings,
    show: ShowProgress<'_>,
) -> LocalBoxFuture<'_, Result<StateTaxReport, LabError>> {
    measure(environment, settings, show).boxed_local()
}

async fn measure(
    environment: BenchEnvironment,
    settings: StateTaxSettings,
    show: ShowProgress<'_>,
) -> Result<StateTaxReport, LabError> {
    let cluster = start(environment, PodOptions::default(), show).await?;
    let mut redis = Redis::start(cluster.folder().root())?;
    let measurement = Measurement {
        cluster: &cluster,
        settings: &settings,
        show,
    };
    let mut rows = Vec::new();
    for &size in &settings.sizes {
        let raw = ValueKind {
            codec: Raw,
            name: "raw",
            object_of: |key, size| value_of(key, size),
        };
        rows.push(raw.measure(&measurement, size, redis.as_mut()).await?);
        let json = ValueKind {
            codec: Json::<Document>::default(),
            name: "json",
            object_of: |key, size| Document::of(key, size).to_bytes(),
        };
        rows.push(json.measure(&measurement, size, redis.as_mut()).await?);
    }
    let has_redis = redis.is_some();
    drop(redis);
    cluster.end().await;
    Ok(StateTaxReport { has_redis, rows })
}

/// The context shared by the measurements of all sizes and codecs.
struct Measurement<'a> {
    cluster: &'a ProcessCluster,
    settings: &'a StateTaxSettings,
    show: ShowProgress<'a>,
}

impl BenchReport for StateTaxReport {
    fn wrong(&self) -> u64 {
        self.rows.iter().map(|row| row.wrong).sum()
    }
}

/// A codec, and the expected object of a key.
struct ValueKind<C> {
    codec: C,
    name: &'static str,
    object_of: fn(&str, u64) -> Bytes,
}

/// The times of single requests in nanoseconds, and the number of wrong answers.
#[derive(Debug, Default)]
struct ReadTimes {
    nanos: Vec<f64>,
    wrong: u64,
}

impl<C: Codec<Value: PartialEq> + Clone> ValueKind<C> {
    async fn measure(
        self,
        measurement: &Measurement<'_>,
        size: u64,
        redis: Option<&mut Redis>,
    ) -> Result<StateTaxRow, LabError> {
        let Measurement {
            cluster,
            settings,
            show,
        } = measurement;
        let target = format!("bench-{}-{size}", self.name);
        cluster.create_target(&target, pb::TargetSettings::default()).await?;
        let count = (COLD_BYTES_MAX / size).clamp(COLD_COUNT_MIN, settings.objects.max(3).into());
        let keys = keys_of(size, u32::try_from(count).expect("it is at most the requested count"));
        write_objects(cluster, &target, &keys, |key| (self.object_of)(key, size), show).await?;
        let step = format!("reading {} values of {size} bytes", self.name);
        show(ProgressEvent::Step(&step));
        let builder = Slicelet::builder(&target)
            .pod_name("bench")
            .assigner(&cluster.assigner_urls()[0])
            .store(cluster.storage().store.clone())
            .values(self.codec.clone())
            .memory_budget(MEMORY_BUDGET)
            .freshness(Freshness::Immutable);
        let pod = LocalPod::start(builder).await?;
        pod.owned(&keys[0]).await?;
        let cold = self.cold(&pod.slicelet, &keys, size).await?;
        let warm = self.warm(&pod.slicelet, &keys[0], size, settings.reads).await?;
        pod.end().await;
        let from_redis = redis.map(|redis| block_in_place(|| self.read_from_redis(redis, &keys, size)));
        Ok(self.row(size, cold, warm, from_redis.transpose()?))
    }

    /// Reads each key for the first time.
    async fn cold(&self, slicelet: &Slicelet<C>, keys: &[Arc<str>], size: u64) -> Result<ReadTimes, LabError> {
        let mut times = ReadTimes::default();
        for key in keys {
            let began = Instant::now();
            let guard = slicelet.own(&**key).map_err(LabError::failed)?;
            let value = guard.get().await.map_err(LabError::failed)?;
            times.nanos.push(nanos(began.elapsed()));
            times.wrong += u64::from(*value != self.value_of(key, size)?);
        }
        Ok(times)
    }

    /// Reads one warm key repeatedly.
    async fn warm(&self, slicelet: &Slicelet<C>, key: &str, size: u64, reads: u32) -> Result<ReadTimes, LabError> {
        let mut times = ReadTimes::default();
        let first = slicelet.own(key).map_err(LabError::failed)?.get().await;
        let first = first.map_err(LabError::failed)?;
        let loads_before = loads(slicelet);
        for _ in 0..reads.div_ceil(BATCH) {
            let began = Instant::now();
            let mut last = Arc::clone(&first);
            for _ in 0..BATCH {
                let guard = slicelet.own(black_box(key)).map_err(LabError::failed)?;
                last = black_box(guard.get().await.map_err(LabError::failed)?);
            }
            times.nanos.push(nanos(began.elapsed()) / f64::from(BATCH));
            // A warm read returns the loaded value itself, which is compared below.
            times.wrong += u64::from(!Arc::ptr_eq(&first, &last));
        }
        times.wrong += u64::from(*first != self.value_of(key, size)?) + (loads(slicelet) - loads_before);
        Ok(times)
    }

    /// The same objects from Redis: as bytes, and decoded.
    fn read_from_redis(
        &self,
        redis: &mut Redis,
        keys: &[Arc<str>],
        size: u64,
    ) -> Result<(ReadTimes, ReadTimes), LabError> {
        let (mut as_is, mut decoded) = (ReadTimes::default(), ReadTimes::default());
        for key in keys {
            redis.set(key, &(self.object_of)(key, size))?;
        }
        for key in keys.iter().cycle().take(keys.len() * 5) {
            let began = Instant::now();
            let bytes = redis.get(key)?;
            as_is.nanos.push(nanos(began.elapsed()));
            let value = self.codec.decode(bytes.into()).map_err(LabError::failed)?;
            decoded.nanos.push(nanos(began.elapsed()));
            decoded.wrong += u64::from(value != self.value_of(key, size)?);
        }
        Ok((as_is, decoded))
    }

    fn value_of(&self, key: &str, size: u64) -> Result<C::Value, LabError> {
        let decoded = self.codec.decode((self.object_of)(key, size));
        decoded.map_err(LabError::failed)
    }

    fn row(
        &self,
        size: u64,
        cold: ReadTimes,
        warm: ReadTimes,
        from_redis: Option<(ReadTimes, ReadTimes)>,
    ) -> StateTaxRow {
        let wrong = cold.wrong + warm.wrong + from_redis.as_ref().map_or(0, |(_, decoded)| decoded.wrong);
        let ((cold, cold_p99), (warm, warm_p99)) = (cold.quantiles(), warm.quantiles());
        let from_redis = from_redis.map(|(as_is, decoded)| (as_is.quantiles(), decoded.quantiles()));
        StateTaxRow {
            value_bytes: size,
            codec: self.name,
            cold_p50_ns: cold,
            cold_p99_ns: cold_p99,
            warm_p50_ns: warm,
            warm_p99_ns: warm_p99,
            redis_p50_ns: from_redis.map(|((p50, _), _)| p50),
            redis_p99_ns: from_redis.map(|((_, p99), _)| p99),
            redis_decoded_p50_ns: from_redis.map(|(_, (p50, _))| p50),
            cold_over_warm: cold / warm,
            redis_over_warm: from_redis.map(|((p50, _), _)| p50 / warm),
            wrong,
        }
    }
}

/// Requests that were not warm.
fn loads<C: Codec>(slicelet: &Slicelet<C>) -> u64 {
    let stats = slicelet.stats();
    stats.request_count - stats.hit_count
}

impl ReadTimes {
    /// The median and the 99th percentile.
    fn quantiles(self) -> (f64, f64) {
        let mut sorted = self.nanos;
        sorted.sort_by(f64::total_cmp);
        (quantile(&sorted, 0.5), quantile(&sorted, 0.99))
    }
}

impl fmt::Display for StateTaxReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "one request, p50 (cold and redis: p99 beside it)")?;
        let headings = [
            "value",
            "codec",
            "cold: store",
            "p99",
            "redis GET",
            "p99",
            "and decoded",
            "warm get",
            "cold/warm",
            "redis/warm",
        ];
        write!(
            f,
            "{}",
            ReportTable::of(headings, self.rows.iter().map(StateTaxRow::line))
        )?;
        if !self.has_redis {
            writeln!(f, "redis-server is not installed: apt-get install redis-server")?;
        }
        Ok(())
    }
}

impl StateTaxRow {
    fn line(&self) -> [String; 10] {
        let known = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), time);
        let times = |ratio: f64| format!("{ratio:.0} x");
        [
            ByteSize::bytes(self.value_bytes).to_string(),
            self.codec.to_owned(),
            time(self.cold_p50_ns),
            time(self.cold_p99_ns),
            known(self.redis_p50_ns),
            known(self.redis_p99_ns),
            known(self.redis_decoded_p50_ns),
            time(self.warm_p50_ns),
            times(self.cold_over_warm),
            self.redis_over_warm.map_or_else(|| "-".to_owned(), times),
        ]
    }
}
