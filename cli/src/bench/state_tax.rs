//! `emberkeep bench state-tax`: what a request pays for state that is not where it runs.

use std::fmt;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use clap::Args;
use emberkeep_proto::pb;
use emberkeep_slicelet::{ByteSize, Codec, Freshness, Json, Raw, Slicelet};
use serde::Serialize;
use tokio::task::block_in_place;

use super::Report;
use super::args::{PlaceArgs, object_size_from};
use super::document::Document;
use super::local_pod::LocalPod;
use super::redis::Redis;
use super::site::{Site, step};
use super::table::{Table, nanos, quantile, time};
use super::value::{keys_of, value_of};
use crate::exit::Failure;

/// Make the same request cold, warm, and of a Redis server: what state elsewhere costs.
///
/// Cold, the object is read from the store and decoded; warm, `own` and `get` find it in memory. Redis answers a GET of
/// the same bytes over one connection on loopback, if redis-server is installed. All three are asked one request at a
/// time.
#[derive(Debug, Args)]
pub(super) struct StateTaxArgs {
    /// The sizes of values, up to 64MiB
    #[arg(long, value_name = "SIZE,...", default_value = "64KiB,8MiB", value_delimiter = ',', value_parser = object_size_from)]
    sizes: Vec<u64>,
    /// How many objects of each size are read cold; of large ones, no more than 512 MiB
    #[arg(long, value_name = "COUNT", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    objects: u32,
    /// How often a warm value is asked for
    #[arg(long, value_name = "COUNT", default_value_t = 2_000_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000_000))]
    reads: u32,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

/// What came of it. The names of its fields are a promise.
#[derive(Debug, Serialize)]
pub(super) struct StateTaxReport {
    has_redis: bool,
    rows: Vec<Row>,
}

/// One size and codec. Times are in nanoseconds.
#[derive(Debug, Serialize)]
struct Row {
    value_bytes: u64,
    codec: &'static str,
    cold_p50_ns: f64,
    cold_p99_ns: f64,
    warm_p50_ns: f64,
    warm_p99_ns: f64,
    redis_p50_ns: Option<f64>,
    redis_p99_ns: Option<f64>,
    /// The same, and the value is decoded.
    redis_decoded_p50_ns: Option<f64>,
    cold_over_warm: f64,
    redis_over_warm: Option<f64>,
    wrong: u64,
}

/// More cold reads than this many bytes say no more.
const COLD_BYTES_MAX: u64 = 512 << 20;
const COLD_COUNT_MIN: u64 = 3;
/// Reading a clock takes about as long as a warm read, so that many are timed together.
const BATCH: u32 = 1_000;
/// Everything that is read stays warm.
const MEMORY_BUDGET: ByteSize = ByteSize::gib(4);

pub(super) async fn run(args: StateTaxArgs) -> Result<StateTaxReport, Failure> {
    let site = Site::open(&args.place).await?;
    let mut redis = Redis::start(site.folder.root())?;
    let mut rows = Vec::new();
    for &size in &args.sizes {
        let raw = Kind {
            codec: Raw,
            name: "raw",
            object_of: |key, size| value_of(key, size),
        };
        rows.push(raw.measure(&site, &args, size, redis.as_mut()).await?);
        let json = Kind {
            codec: Json::<Document>::default(),
            name: "json",
            object_of: |key, size| Document::of(key, size).to_bytes(),
        };
        rows.push(json.measure(&site, &args, size, redis.as_mut()).await?);
    }
    let has_redis = redis.is_some();
    drop(redis);
    site.end().await;
    Ok(StateTaxReport { has_redis, rows })
}

impl Report for StateTaxReport {
    fn wrong(&self) -> u64 {
        self.rows.iter().map(|row| row.wrong).sum()
    }
}

/// One kind of values: what the object of a key is.
struct Kind<C> {
    codec: C,
    name: &'static str,
    object_of: fn(&str, u64) -> Bytes,
}

/// Times of single requests in nanoseconds, and how many answers were wrong.
#[derive(Debug, Default)]
struct Times {
    nanos: Vec<f64>,
    wrong: u64,
}

impl<C: Codec<Value: PartialEq> + Clone> Kind<C> {
    async fn measure(
        self,
        site: &Site,
        args: &StateTaxArgs,
        size: u64,
        redis: Option<&mut Redis>,
    ) -> Result<Row, Failure> {
        let target = format!("bench-{}-{size}", self.name);
        site.create_target(&target, pb::TargetSettings::default()).await?;
        let count = (COLD_BYTES_MAX / size).clamp(COLD_COUNT_MIN, args.objects.max(3).into());
        let keys = keys_of(size, u32::try_from(count).expect("it is at most what was asked for"));
        site.write(&target, &keys, |key| (self.object_of)(key, size)).await?;
        step(&format!("reading {} values of {size} bytes", self.name));
        let builder = Slicelet::builder(&target)
            .pod_name("bench")
            .assigner(site.assigner_url())
            .store(site.store().clone())
            .values(self.codec.clone())
            .memory_budget(MEMORY_BUDGET)
            .freshness(Freshness::Immutable);
        let pod = LocalPod::start(builder).await?;
        pod.owns(&keys[0]).await?;
        let cold = self.cold(&pod.slicelet, &keys, size).await?;
        let warm = self.warm(&pod.slicelet, &keys[0], size, args.reads).await?;
        pod.end().await;
        let from_redis = redis.map(|redis| block_in_place(|| self.elsewhere(redis, &keys, size)));
        Ok(self.row(size, cold, warm, from_redis.transpose()?))
    }

    /// Each key for the first time.
    async fn cold(&self, slicelet: &Slicelet<C>, keys: &[Arc<str>], size: u64) -> Result<Times, Failure> {
        let mut times = Times::default();
        for key in keys {
            let began = Instant::now();
            let guard = slicelet.own(&**key).map_err(Failure::failed)?;
            let value = guard.get().await.map_err(Failure::failed)?;
            times.nanos.push(nanos(began.elapsed()));
            times.wrong += u64::from(*value != self.value_of(key, size)?);
        }
        Ok(times)
    }

    /// One key again and again.
    async fn warm(&self, slicelet: &Slicelet<C>, key: &str, size: u64, reads: u32) -> Result<Times, Failure> {
        let mut times = Times::default();
        let first = slicelet.own(key).map_err(Failure::failed)?.get().await;
        let first = first.map_err(Failure::failed)?;
        let loads_before = loads(slicelet);
        for _ in 0..reads.div_ceil(BATCH) {
            let began = Instant::now();
            let mut last = Arc::clone(&first);
            for _ in 0..BATCH {
                let guard = slicelet.own(black_box(key)).map_err(Failure::failed)?;
                last = black_box(guard.get().await.map_err(Failure::failed)?);
            }
            times.nanos.push(nanos(began.elapsed()) / f64::from(BATCH));
            // A warm value is the very one that was loaded, and that one is compared below.
            times.wrong += u64::from(!Arc::ptr_eq(&first, &last));
        }
        times.wrong += u64::from(*first != self.value_of(key, size)?) + (loads(slicelet) - loads_before);
        Ok(times)
    }

    /// The same objects from Redis, as they are and decoded.
    fn elsewhere(&self, redis: &mut Redis, keys: &[Arc<str>], size: u64) -> Result<(Times, Times), Failure> {
        let (mut as_is, mut decoded) = (Times::default(), Times::default());
        for key in keys {
            redis.set(key, &(self.object_of)(key, size))?;
        }
        for key in keys.iter().cycle().take(keys.len() * 5) {
            let began = Instant::now();
            let bytes = redis.get(key)?;
            as_is.nanos.push(nanos(began.elapsed()));
            let value = self.codec.decode(bytes.into()).map_err(Failure::failed)?;
            decoded.nanos.push(nanos(began.elapsed()));
            decoded.wrong += u64::from(value != self.value_of(key, size)?);
        }
        Ok((as_is, decoded))
    }

    fn value_of(&self, key: &str, size: u64) -> Result<C::Value, Failure> {
        let decoded = self.codec.decode((self.object_of)(key, size));
        decoded.map_err(Failure::failed)
    }

    fn row(&self, size: u64, cold: Times, warm: Times, from_redis: Option<(Times, Times)>) -> Row {
        let wrong = cold.wrong + warm.wrong + from_redis.as_ref().map_or(0, |(_, decoded)| decoded.wrong);
        let ((cold, cold_p99), (warm, warm_p99)) = (cold.quantiles(), warm.quantiles());
        let from_redis = from_redis.map(|(as_is, decoded)| (as_is.quantiles(), decoded.quantiles()));
        Row {
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

impl Times {
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
        write!(f, "{}", Table::of(headings, self.rows.iter().map(Row::line)))?;
        if !self.has_redis {
            writeln!(f, "redis-server is not installed: apt-get install redis-server")?;
        }
        Ok(())
    }
}

impl Row {
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
