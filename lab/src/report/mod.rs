//! Figures of a run and their texts. A leaf: plain values in, text and JSON out; nothing of the lab is imported.

mod event_kind;
mod events;
mod hot_key_impact;
mod latency;
mod progress;
mod report_table;
mod request;
mod run_summary;
mod run_tally;
mod unavailability;
mod units;
mod warm_share;

pub use self::event_kind::EventKind;
pub use self::events::ChaosEvent;
pub use self::hot_key_impact::HotKeyImpact;
pub use self::latency::Latency;
pub use self::progress::{ProgressEvent, ProgressSample, ShowProgress};
pub(crate) use self::report_table::{ReportTable, mib, nanos, quantile, share, time};
pub(crate) use self::request::{CompletedRequest, RequestOutcome};
pub(crate) use self::run_summary::RunCounters;
pub use self::run_summary::{Percentiles, RunSummary};
pub use self::run_tally::IntervalTally;
pub(crate) use self::run_tally::RunTally;
pub use self::units::{in_ms, percent};
