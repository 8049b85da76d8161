//! A slicelet on real sockets, between a scripted assigner and a real store.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic, as tests may")]

mod crash_recovery;
mod forwarding;
mod keyed_pod;
mod reads;
mod serving;
mod session;
mod slicelet_fixture;
mod two_owners;
mod warmth;
mod writes;
