//! The brain of the assigner as stories: what happens when, and what it does about it.

mod chance;
mod explaining;
mod failures;
mod handoff;
mod lives;
mod poison;
mod store;
mod story;
mod timing;
