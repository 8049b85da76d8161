//! The orders service: its durable steps as a pure state machine, and the whole service as processes.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic, as tests may")]

mod journal;
mod orders;
mod shop;
mod steps;
