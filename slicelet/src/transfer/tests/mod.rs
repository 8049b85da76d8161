//! Two pods on one store, and real sockets between them.

#![allow(clippy::unwrap_used, reason = "support code of tests may panic, as tests may")]

mod pod_pair;
mod pulls;
mod scripted_source;
mod sends;
