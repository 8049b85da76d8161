//! What the hands of several roles share: clock, driver loop, channels, the watch.
//!
//! ```text
//! clock     what a brain is told about time          tasks         supervised, ended by one token
//! driver    the one loop that runs a brain           backoff       how long until the next try
//! channel   how a gRPC server is called              serve         how a gRPC server listens
//! watch     assignments from whoever has them        grpc_timeout  how long a caller waits
//! status_page  metrics and health over HTTP          call_failure  why a call has no answer
//! keyed_throttle  what many say, passed on once        metric_registry  metrics that can be listed
//! ```

pub mod backoff;
pub mod call_failure;
pub mod channel;
pub mod clock;
pub mod driver;
pub mod grpc_timeout;
pub mod keyed_throttle;
pub mod metric_registry;
pub mod serve;
pub mod status_page;
pub mod tasks;
pub mod watch;
