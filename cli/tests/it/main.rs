//! End-to-end tests of the binary: real processes, sockets and kills.
//!
//! Tests that cut the network are in `tests/network/`.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic, as tests may")]

mod admin;
mod bad_input;
mod bench;
mod binary;
mod dev;
mod dev_command;
mod documents;
mod failures;
mod followed_command;
mod logs;
mod page;
mod recording;
mod requests;
mod simulation;
mod telemetry;
mod writable_pods;
mod writes;
