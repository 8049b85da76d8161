//! Workloads: which keys are asked for, when, and at what cost.

mod load_milli;
mod request_trace;
mod trace_error;
mod trace_reader;

pub use request_trace::{Request, RequestTrace};
pub use trace_error::{TraceError, TraceFault};
pub use trace_reader::{KEY_BYTES_MAX, LINE_BYTES_MAX, TraceReader};
