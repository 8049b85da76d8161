//! The watch: servers and watchers on real connections of this machine.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic, as tests may")]

mod assignment_history;
mod frozen_link;
mod serving;
mod watching;
