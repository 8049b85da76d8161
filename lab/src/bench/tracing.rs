//! `emberkeep bench tracing`: calls per second with and without the export of traces and metrics.

use std::fmt;
use std::time::Duration;

use emberkeep_proto::pb;
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use serde::Serialize;

use super::bench_cluster::{BenchEnvironment, start, write_objects};
use super::bench_report::BenchReport;
use super::caller::{CallBurst, OBJECT_COUNT, OBJECT_SIZE};
use super::object::{keys_of, value_of};
use super::otlp_sink::OtlpSink;
use crate::cluster::{ChildProcess, PodOptions, ProcessCluster};
use crate::demo::TARGET;
use crate::report::{ProgressEvent, ReportTable, ShowProgress};
use crate::{DEADLINE, LabError};

/// More load than one machine can produce: no slice moves.
const MAX_LOAD_HINT_MILLI: u64 = 1_000_000_000;

/// How often, and how long, both processes call in turn.
#[derive(Debug, Clone, Copy)]
pub struct TracingSettings {
    /// The number of pairs of bursts.
    pub pairs: u32,
    /// The length of a burst.
    pub burst: Duration,
    /// The share of calls that are traced, as the flag `--trace-sample` takes it.
    pub sample: f64,
}

/// The figures of the measurement. Field names are stable.
#[derive(Debug, Serialize)]
pub struct TracingReport {
    pairs: u32,
    burst_ms: u64,
    sample: f64,
    spans_exported: u64,
    plain_calls_per_second: f64,
    traced_calls_per_second: f64,
    /// The median of the pairs' ratios of traced to plain calls per second.
    ratio: f64,
    ratio_quartiles: [f64; 2],
}

/// Lets two processes, a plain and a traced one, call in turn, and reports the ratio of their calls per second.
pub fn run(
    environment: BenchEnvironment,
    settings: TracingSettings,
    show: ShowProgress<'_>,
) -> LocalBoxFuture<'_, Result<TracingReport, LabError>> {
    measure(environment, settings, show).boxed_local()
}

async fn measure(
    environment: BenchEnvironment,
    settings: TracingSettings,
    show: ShowProgress<'_>,
) -> Result<TracingReport, LabError> {
    let sink = OtlpSink::start().await?;
    let cluster = start(environment, PodOptions::default(), show).await?;
    let target = pb::TargetSettings {
        max_load_hint_milli: Some(MAX_LOAD_HINT_MILLI),
        max_replicas: Some(1),
        ..Default::default()
    };
    cluster.create_target(TARGET, target).await?;
    let keys = keys_of(OBJECT_SIZE, OBJECT_COUNT);
    write_objects(&cluster, TARGET, &keys, |key| value_of(key, OBJECT_SIZE), show).await?;
    show(ProgressEvent::Step("starting a plain and a traced process"));
    let export = [
        format!("--otlp-endpoint={}", sink.url),
        format!("--trace-sample={}", settings.sample),
    ];
    let plain = start_caller(&cluster, "plain", Vec::new());
    let traced = start_caller(&cluster, "traced", export.into());
    let (mut plain, mut traced) = tokio::try_join!(plain, traced)?;
    show(ProgressEvent::Step("calling in turn"));
    let mut rates = Vec::new();
    for pair in 0..settings.pairs {
        // Neither is always the first of a pair: the machine may become slower or faster all the time.
        rates.push(match pair % 2 {
            0 => {
                let first = burst(&mut plain, settings.burst).await?;
                (first, burst(&mut traced, settings.burst).await?)
            }
            _ => {
                let first = burst(&mut traced, settings.burst).await?;
                (burst(&mut plain, settings.burst).await?, first)
            }
        });
    }
    plain.end().await;
    traced.end().await;
    cluster.end().await;
    Ok(TracingReport::of(settings, &rates, sink.span_count()))
}

/// Starts a pod and its client. It is ready before the values are warm: the first burst waits for that.
async fn start_caller(cluster: &ProcessCluster, name: &str, export: Vec<String>) -> Result<ChildProcess, LabError> {
    let assigners = cluster.assigner_urls().into_iter();
    let assigners = assigners.map(|url| format!("--assigner={url}"));
    let spec = cluster.process_spec(name, "bench-caller", assigners.chain(export));
    let mut process = ChildProcess::start(spec).await?;
    // Both pods must have started before either has its share of the keys.
    process.line(DEADLINE).await.map(|_| process)
}

async fn burst(caller: &mut ChildProcess, time: Duration) -> Result<f64, LabError> {
    caller.write_line(&time.as_millis().to_string()).await?;
    let line = caller.line(DEADLINE).await?;
    let burst: CallBurst =
        serde_json::from_str(&line).map_err(|error| LabError::failed(format!("a caller printed {line:?}: {error}")))?;
    Ok(burst.per_second())
}

impl TracingReport {
    /// `rates` are the calls per second of each pair: plain, traced.
    fn of(settings: TracingSettings, rates: &[(f64, f64)], spans_exported: u64) -> Self {
        let sorted = |figure: fn(&(f64, f64)) -> f64| {
            let mut sorted: Vec<f64> = rates.iter().map(figure).collect();
            sorted.sort_by(f64::total_cmp);
            sorted
        };
        let ratios = sorted(|(plain, traced)| traced / plain);
        Self {
            pairs: settings.pairs,
            burst_ms: u64::try_from(settings.burst.as_millis()).unwrap_or(u64::MAX),
            sample: settings.sample,
            spans_exported,
            plain_calls_per_second: quantile(&sorted(|(plain, _)| *plain), 0.5),
            traced_calls_per_second: quantile(&sorted(|(_, traced)| *traced), 0.5),
            ratio: quantile(&ratios, 0.5),
            ratio_quartiles: [quantile(&ratios, 0.25), quantile(&ratios, 0.75)],
        }
    }
}

/// The value at that share of a sorted list, interpolated; 0 for an empty one.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let at = share * last as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

impl BenchReport for TracingReport {
    fn wrong(&self) -> u64 {
        0
    }
}

impl fmt::Display for TracingReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = |rate: f64| format!("{rate:.0}");
        let lines = [
            ["off".to_owned(), rate(self.plain_calls_per_second)],
            ["on".to_owned(), rate(self.traced_calls_per_second)],
        ];
        writeln!(
            f,
            "{}",
            ReportTable::of(["traces and metrics exported", "calls/s"], lines)
        )?;
        let [lower, upper] = self.ratio_quartiles;
        writeln!(
            f,
            "on / off: {:.3} (quartiles {lower:.3} to {upper:.3}), the median of {} pairs of {} ms in turn; {} spans, of \
             {} of the calls",
            self.ratio, self.pairs, self.burst_ms, self.spans_exported, self.sample
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_the_median_of_the_pairs() {
        let settings = TracingSettings {
            pairs: 3,
            burst: Duration::from_millis(200),
            sample: 0.01,
        };
        // The machine was slow during the second pair.
        let report = TracingReport::of(settings, &[(100.0, 98.0), (10.0, 9.9), (100.0, 50.0)], 7);
        assert_eq!((report.ratio, report.plain_calls_per_second), (0.98, 100.0));
        assert_eq!(quantile(&[1.0, 2.0], 0.5), 1.5);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }
}
