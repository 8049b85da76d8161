//! Whole runs of the simulator: goldens of its figures, equal bytes for equal seeds, and seeded runs of handoffs.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic, as tests may")]

mod chart;
mod comparison;
mod determinism;
mod handoffs;
mod requests;
mod scenarios;
