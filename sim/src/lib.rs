//! The simulator: recorded workloads and a cluster in one thread.

pub mod chance;
pub mod cluster;
pub mod workload;
