//! One member of the assigner as slicelets, watchers, clerks and operators see it, on real sockets of this machine.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic, as tests may")]

mod admin;
mod explain;
mod metrics;
mod page;
mod page_client;
mod page_cluster;
mod page_scale;
mod reports;
mod running_member;
mod scripted_slicelet;
mod sessions;
