//! The simulator: recorded workloads and a cluster in one thread.

pub mod workload;
