//! The helpers of tests, themselves tested.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic, as tests may")]

mod fault_proxy;
