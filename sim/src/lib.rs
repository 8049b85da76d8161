//! The simulator: load and request traces, a whole cluster in one thread and virtual time, baselines, and scoring.

pub mod assignment_log;
pub mod balancers;
pub mod chart;
pub mod cluster;
pub mod compare;
pub mod html_page;
pub mod load_trace;
pub mod measured;
pub mod observer;
pub mod ownership;
mod quoted;
pub mod random_stream;
pub mod recording;
pub mod replay;
pub mod requests;
pub mod scenario;
pub mod score;
mod sketches;
pub mod soak;
mod text_table;
pub mod workload;
