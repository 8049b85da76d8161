//! Pods and assigners that are cut off, and links that are slow or lose packets: real processes, each in a network
//! namespace of its own.
//!
//! Each test runs itself once more inside a namespace that it has made, with a bridge, and a pair of devices for each
//! process. All of that is gone with the processes, however they end. A machine on which no namespace can be made skips
//! these tests, and they say why.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic, as tests may")]

mod viewers;

mod network {
    mod cluster;
    mod cut_off;
    mod handoffs;
    mod host;
    mod metrics;
    mod objects;
    mod own_network;
    mod program;
    mod wires;
}
