//! Tests of several modules of core together.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic, as tests may")]

mod measuring;
