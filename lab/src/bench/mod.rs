//! The measurements of `emberkeep bench`, a file each.
//!
//! ```text
//! this process                        processes of their own, which end with this one
//! state_tax   slicelet, redis client  assigner, dev-s3, redis-server
//! budget      samples and a table     assigner, dev-s3, bench-reader (slicelet that reads its own keys)
//! restart     kills and a table       assigner, dev-s3, bench-reader
//! herd        S3 of limited capacity, assigner, dev-pod ... (demo service)
//!             load, kills and a table
//! transfer    load and a table        assigner, dev-s3, dev-pod, and the dev-pod that replaces it
//! tracing     a collector, a table    assigner, dev-s3, two bench-callers (pod and client), plain and traced
//! ```

mod bench_cluster;
mod bench_report;
mod budget;
#[cfg(feature = "otlp")]
mod caller;
mod document;
mod freshness;
mod herd;
mod herd_report;
mod key_distribution;
mod local_pod;
mod object;
#[cfg(feature = "otlp")]
mod otlp_sink;
mod process_memory;
mod read_workload;
mod reader;
mod redis;
mod restart;
mod state_tax;
#[cfg(feature = "otlp")]
mod tracing;
mod transfer;
mod transfer_report;

pub use self::bench_cluster::BenchEnvironment;
pub use self::bench_report::BenchReport;
pub use self::budget::{BudgetReport, run as budget};
#[cfg(feature = "otlp")]
pub use self::caller::{CallBurst, Caller};
pub use self::freshness::BenchFreshness;
pub use self::herd::{HerdSettings, run as herd};
pub use self::herd_report::HerdReport;
pub use self::key_distribution::KeyDistribution;
pub use self::read_workload::ReadsReport;
pub use self::reader::{ReadSettings, Reader, ReaderReport, ReaderSettings};
pub use self::restart::{RestartReport, RestartSettings, run as restart};
pub use self::state_tax::{StateTaxReport, StateTaxSettings, run as state_tax};
#[cfg(feature = "otlp")]
pub use self::tracing::{TracingReport, TracingSettings, run as tracing};
pub use self::transfer::{TransferSettings, run as transfer};
pub use self::transfer_report::TransferReport;
