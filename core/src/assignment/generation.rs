//! Generations: the versions of an assignment.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The version of an assignment, strictly increasing for each target. Zero stands for no assignment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Generation(i64);

impl Generation {
    /// Before the first assignment.
    pub const NONE: Generation = Generation(0);

    /// A generation from its number; `None` if that is negative.
    #[must_use]
    pub const fn from_number(number: i64) -> Option<Self> {
        if number >= 0 { Some(Self(number)) } else { None }
    }

    /// The generation as a number.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }

    /// The generation after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
