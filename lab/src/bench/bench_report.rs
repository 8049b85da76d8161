//! The common interface of the reports of measurements.

use std::fmt::Display;

use serde::Serialize;

/// The report of a measurement: a table as text, and JSON with stable field names.
pub trait BenchReport: Serialize + Display {
    /// The number of values that differed from the expected ones.
    fn wrong(&self) -> u64;
}
