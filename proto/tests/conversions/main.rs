//! Promises about all conversions: what is written is what is read, and no bytes make them panic.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic, as tests may")]

mod hostile_bytes;
mod meanings;
mod refusals;
mod round_trip;
