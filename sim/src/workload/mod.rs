//! Workloads: recorded requests with their time, key and cost, and loads that follow Zipf's law.

mod limits;
mod load_milli;
mod request;
mod request_trace;
mod trace_error;
mod trace_reader;
mod zipf;

pub use limits::{KEY_BYTES_MAX, LINE_BYTES_MAX};
pub use request::Request;
pub use request_trace::RequestTrace;
pub use trace_error::{TraceError, TraceFault};
pub use trace_reader::TraceReader;
pub(crate) use zipf::zipf;
