//! Telemetry by OTLP: traces of sampled requests and all metrics, sent to a collector in the background.
//!
//! ```text
//! spans --TraceFilter--> OpenTelemetry layer --> bounded queue, batches --> SpanSender ---+
//!                                                                                        +--> CollectorLink --> collector
//! prometheus registries --each 15 s--> metric_conversion --> MetricExport ---------------+
//! ```
//!
//! No request waits for the collector: while it is unreachable, spans above the queue's bound are dropped, and of metrics,
//! whose counters are cumulative, only the resolution is lost.

mod collector_link;
mod metric_conversion;
mod metric_export;
mod sample_ratio;
mod span_sender;
mod trace_export;
mod trace_filter;

pub use self::collector_link::{BadCollectorAddress, CollectorAddress, CollectorLink, ServiceIdentity};
pub use self::metric_export::MetricExport;
pub use self::sample_ratio::{BadRatio, SampleRatio};
pub use self::trace_export::TraceExport;
pub use self::trace_filter::TraceFilter;
