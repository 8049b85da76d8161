//! Load traces: the pods and loads of a target over time, as JSON Lines that any tool can write.
//!
//! ```text
//! {"at_ms":0,"event":"config","max_load_hint":1000.0,"imbalance":"DEFAULT","min_replicas":1,"max_replicas":1,"decide_every_ms":5000}
//! {"at_ms":0,"event":"pods_added","pods":["pod-0","pod-1"]}
//! {"at_ms":0,"event":"load_set","loads":[["00ff00ff00ff00ff",123.0]]}
//! {"at_ms":60000,"event":"pods_crashed","pods":["pod-1"]}
//! {"at_ms":90000,"event":"pods_drained","pods":["pod-0"]}
//! {"at_ms":600000,"event":"end"}
//! ```

mod builtin;
mod checked;
mod config;
mod event;
mod limits;
mod reader;
mod trace;
mod trace_error;
mod trace_line;

pub use config::TraceConfig;
pub use event::{TraceEvent, TraceEventKind};
pub use limits::LINE_BYTES_MAX;
pub use reader::LoadTraceReader;
pub use trace::{KeyId, LoadTrace, PodId, TimedChange, TraceChange};
pub use trace_error::{LoadTraceError, LoadTraceFault};
