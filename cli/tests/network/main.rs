//! Partitioned pods and assigners, and links that are slow or lose packets: real processes, each in a network namespace
//! of its own.
//!
//! Each test runs itself again inside a namespace that it has created, with a bridge, and a pair of devices for each
//! process. All of that is removed with the processes, however they end. On a machine without permission to create
//! namespaces, these tests are skipped and print the reason.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic, as tests may")]

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_emberkeep");

mod handoffs;
mod host;
mod namespace_launcher;
mod network_cluster;
mod own_network;
mod partitions;
mod wires;
