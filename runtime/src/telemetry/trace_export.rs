//! The export of traces: a layer for the process's subscriber, and its end.

use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use super::span_sender::SpanSender;
use super::{CollectorLink, SampleRatio, TraceFilter};

/// The most spans that wait for the next export. Further ones are dropped, so a collector that is down costs no memory.
const QUEUE_SPANS_MAX: usize = 4_096;

/// The most spans of one export.
const BATCH_SPANS_MAX: usize = 512;

/// The time between two exports, unless a batch is full earlier.
const EXPORT_INTERVAL: Duration = Duration::from_secs(1);

/// The name under which the spans are exported: their instrumentation scope.
const SCOPE: &str = "emberkeep";

/// Exports the spans of this process to a collector. Clones share one queue.
#[derive(Debug, Clone)]
pub struct TraceExport {
    provider: SdkTracerProvider,
    ratio: SampleRatio,
}

impl TraceExport {
    /// Starts the export of a sample of requests. Must be called within a tokio runtime.
    #[must_use]
    pub fn start(link: CollectorLink, ratio: SampleRatio) -> Self {
        let limits = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE_SPANS_MAX)
            .with_max_export_batch_size(BATCH_SPANS_MAX)
            .with_scheduled_delay(EXPORT_INTERVAL);
        let resource = link.resource().clone();
        let processor = BatchSpanProcessor::builder(SpanSender::new(link)).with_batch_config(limits.build());
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor.build())
            // Requests are sampled already, before a span is created.
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
            .with_resource(resource);
        Self {
            provider: provider.build(),
            ratio,
        }
    }

    /// The layer that records spans, to be added to the subscriber of the process.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer(SCOPE))
            // Names of source files and threads, and times in and out of a poll, are of no use to an operator.
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_context_activation(false)
            .with_filter(TraceFilter::new(self.ratio))
    }

    /// Exports the spans that wait, at most for `deadline`.
    pub async fn shutdown(self, deadline: Duration) {
        // Blocks its thread. After the deadline it is no longer waited for.
        let ended = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(deadline));
        match tokio::time::timeout(deadline, ended).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::debug!(%error, "the last spans were not exported"),
            Ok(Err(_)) | Err(_) => tracing::debug!(?deadline, "the last spans were not exported in time"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use emberkeep_testkit::deadline::DEADLINE;
    use emberkeep_testkit::otlp_collector::OtlpCollector;
    use http::HeaderMap;
    use tracing::{debug_span, info_span};
    use tracing_subscriber::filter::LevelFilter;
    use tracing_subscriber::layer::SubscriberExt;

    use super::super::ServiceIdentity;
    use super::*;
    use crate::request_span;
    use crate::trace_context::{ALWAYS_RECORDED, PART_OF_TRACE, span_of_request};

    fn export_to(url: &str, ratio: f64) -> TraceExport {
        let identity = ServiceIdentity {
            name: "trace-test".to_owned(),
            instance: "1".to_owned(),
        };
        let link = CollectorLink::new(&url.parse().unwrap(), identity);
        TraceExport::start(link, SampleRatio::try_new(ratio).unwrap())
    }

    fn record_spans() {
        let request = request_span!(&HeaderMap::new(), "request",);
        request.in_scope(|| debug_span!(target: PART_OF_TRACE, "load").in_scope(|| {}));
        debug_span!(target: PART_OF_TRACE, "load of no request").in_scope(|| {});
        let pull = debug_span!(target: ALWAYS_RECORDED, "pull");
        pull.in_scope(|| request_span!(&HeaderMap::new(), "request of a pull",).in_scope(|| {}));
        let call = || debug_span!(target: ALWAYS_RECORDED, "admin call");
        span_of_request(&HeaderMap::new(), call, call).in_scope(|| {});
        info_span!("of another library").in_scope(|| {});
    }

    #[tokio::test]
    async fn sampled_requests_are_recorded_with_all_below_them() {
        for (ratio, expected) in [
            (1.0, "admin call, load, pull, request, request, request of a pull"),
            (0.0, "admin call, pull, request of a pull"),
        ] {
            let collector = OtlpCollector::start().await;
            let export = export_to(&collector.url(), ratio);
            // As beside a log, whose filter refuses these spans.
            let log = tracing_subscriber::fmt::layer().with_filter(LevelFilter::OFF);
            let subscriber = tracing_subscriber::registry().with(log).with(export.layer());
            tracing::subscriber::with_default(subscriber, || {
                record_spans();
                let request = request_span!(&HeaderMap::new(), "request",);
                assert_eq!(
                    request.is_disabled(),
                    ratio < 1.0,
                    "nothing is created for other requests"
                );
                assert!(debug_span!(target: "h2::client", "a connection").is_disabled());
            });
            export.shutdown(DEADLINE).await;
            let mut names: Vec<_> = collector.spans().into_iter().map(|span| span.name).collect();
            names.sort();
            assert_eq!(names.join(", "), expected);
        }
    }

    #[tokio::test]
    async fn a_collector_that_hangs_or_is_down_delays_neither_spans_nor_the_end() {
        let hanging = OtlpCollector::hanging().await;
        for url in [hanging.url(), "http://127.0.0.1:1".to_owned()] {
            let export = export_to(&url, 1.0);
            let subscriber = tracing_subscriber::registry().with(export.layer());
            let began_at = Instant::now();
            tracing::subscriber::with_default(subscriber, || {
                (0..10 * QUEUE_SPANS_MAX).for_each(|_| drop(debug_span!(target: ALWAYS_RECORDED, "pull")));
            });
            export.shutdown(Duration::from_millis(50)).await;
            assert!(began_at.elapsed() < DEADLINE);
        }
    }
}
