//! All conversions: a value survives the round trip over the wire, invalid messages are rejected, and no bytes cause a panic.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic, as tests may")]

mod arbitrary;
mod hostile_bytes;
mod rejections;
mod round_trip;
