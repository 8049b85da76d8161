//! The parts that the hands of several roles share: clock, driver loop, channels, the watch.
//!
//! ```text
//! clock           the monotonic clock of brains        tasks         supervised tasks, stopped by one token
//! driver          the one loop that runs a brain       backoff       the delay before the next attempt
//! channel         gRPC channels: timeouts, keepalive   serve         gRPC servers: listener, keepalive, limits
//! watch           client and server of assignments     grpc_timeout  the deadline header of gRPC
//! status_page     metrics and health over HTTP         call_failure  the kinds of transport failures
//! keyed_throttle  one event per key and interval       metric_registry  metrics with their descriptions
//! age_gauge       the time since a confirmation        in_progress   a gauge of what is under way
//! computed_gauge  a gauge computed at collection       labelled_registry  metrics with constant labels
//! free_port       loopback ports for tests             http_get      reading a page over HTTP
//! trace_context   spans across processes               telemetry     traces and metrics by OTLP (feature `otlp`)
//! ```

pub mod age_gauge;
pub mod backoff;
pub mod call_failure;
pub mod channel;
pub mod clock;
pub mod computed_gauge;
pub mod driver;
pub mod free_port;
pub mod grpc_timeout;
pub mod http_get;
pub mod in_progress;
pub mod keyed_throttle;
pub mod labelled_registry;
pub mod metric_registry;
pub mod serve;
pub mod status_page;
pub mod tasks;
#[cfg(feature = "otlp")]
pub mod telemetry;
pub mod trace_context;
pub mod watch;
