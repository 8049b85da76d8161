//! The flags of the export, and the exports of one process.

use std::time::Duration;

use clap::Args;
use emberkeep_runtime::telemetry::{
    CollectorAddress, CollectorLink, MetricExport, SampleRatio, ServiceIdentity, TraceExport,
};
use futures::future::join;
use prometheus::Registry;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

/// How long a process that ends waits for a collector to accept its last spans, and its last metrics.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Args)]
pub(crate) struct TelemetryArgs {
    /// Send traces and metrics to the OTLP collector at this address for gRPC, as http://127.0.0.1:4317
    #[arg(long, value_name = "URL")]
    otlp_endpoint: Option<CollectorAddress>,
    /// The share of requests that are traced, from 0 to 1
    #[arg(long, value_name = "RATIO", default_value_t = SampleRatio::DEFAULT, requires = "otlp_endpoint")]
    trace_sample: SampleRatio,
}

/// The exports of this process.
#[derive(Debug)]
pub(crate) struct Telemetry {
    started: Option<StartedExports>,
}

#[derive(Debug)]
struct StartedExports {
    link: CollectorLink,
    traces: TraceExport,
    metrics: Option<MetricExport>,
}

impl TelemetryArgs {
    /// Starts the export of traces, if there is a collector. `service` is the kind of process, `instance` which one it is.
    pub(crate) fn start(&self, service: &str, instance: String) -> Telemetry {
        let started = self.otlp_endpoint.as_ref().map(|address| {
            let name = service.to_owned();
            let link = CollectorLink::new(address, ServiceIdentity { name, instance });
            StartedExports {
                traces: TraceExport::start(link.clone(), self.trace_sample),
                link,
                metrics: None,
            }
        });
        Telemetry { started }
    }

    /// The flags with which another process exports in the same way.
    pub(crate) fn flags(&self) -> Vec<String> {
        let address = self.otlp_endpoint.iter();
        address
            .flat_map(|address| {
                let ratio = format!("--trace-sample={}", self.trace_sample);
                [format!("--otlp-endpoint={address}"), ratio]
            })
            .collect()
    }
}

impl Telemetry {
    /// Exports nothing at all.
    pub(crate) const fn none() -> Self {
        Self { started: None }
    }

    /// The layer that records spans.
    pub(crate) fn layer<S>(&self) -> Option<impl Layer<S> + Send + Sync + use<S>>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        self.started.as_ref().map(|started| started.traces.layer())
    }

    /// Exports the metrics of this process from now on.
    pub(crate) fn export_metrics(&mut self, registry: &Registry) {
        if let Some(started) = &mut self.started {
            started.metrics = Some(MetricExport::start(started.link.clone(), registry.clone()));
        }
    }

    /// Exports what has not been exported yet, within a deadline.
    pub(crate) async fn shutdown(self) {
        let Some(StartedExports { traces, metrics, .. }) = self.started else {
            return;
        };
        let last_metrics = async {
            if let Some(metrics) = metrics {
                metrics.shutdown(SHUTDOWN_DEADLINE).await;
            }
        };
        join(traces.shutdown(SHUTDOWN_DEADLINE), last_metrics).await;
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct TelemetryCommandLine {
        #[command(flatten)]
        args: TelemetryArgs,
    }

    fn parsed(line: &str) -> Result<Vec<String>, String> {
        let words = format!("program {line}");
        let parsed = TelemetryCommandLine::try_parse_from(words.split_whitespace());
        parsed.map(|line| line.args.flags()).map_err(|error| error.to_string())
    }

    #[test]
    fn other_processes_export_in_the_same_way() {
        assert!(parsed("").unwrap().is_empty());
        let flags = ["--otlp-endpoint=http://a:4317", "--trace-sample=0.5"];
        assert_eq!(parsed(&flags.join(" ")).unwrap(), flags);
        assert_eq!(parsed(flags[0]).unwrap()[1], "--trace-sample=0.01");
    }

    #[test]
    fn bad_values_are_refused_with_the_allowed_ones() {
        let refused = |line: &str| parsed(line).unwrap_err();
        for bad in ["collector", "http://a", "https://a:4317", "a b"] {
            assert!(
                refused(&format!("--otlp-endpoint={bad}")).contains("http://127.0.0.1:4317"),
                "{bad}"
            );
        }
        for bad in ["2", "-1", "NaN", "1%"] {
            let line = format!("--otlp-endpoint=http://a:1 --trace-sample={bad}");
            assert!(refused(&line).contains("a number from 0 to 1"), "{bad}");
        }
        assert!(refused("--trace-sample=1").contains("--otlp-endpoint"));
    }
}
