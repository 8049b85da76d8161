//! What all reports of measurements have.

use std::fmt::Display;

use serde::Serialize;

/// The report of a measurement: a table as text, and JSON whose names are a promise.
pub trait BenchReport: Serialize + Display {
    /// How many values were not those that their keys must have.
    fn wrong(&self) -> u64;
}
