//! Promises about the watch, on real connections.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic, as tests may")]

mod cluster;
mod frozen_link;
mod serving;
mod watching;
