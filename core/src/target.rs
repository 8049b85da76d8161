//! Targets: one sharded service each, the unit of tenancy.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::pod::NameError;

/// The name of a target: 1 to 63 lower-case letters, digits and hyphens, neither first nor last a hyphen (RFC 1123).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TargetName(Arc<str>);

impl TargetName {
    /// The longest name, in bytes.
    pub const LENGTH_MAX: usize = 63;

    /// Checks a name.
    ///
    /// # Errors
    /// When the name is empty, too long, or has other characters than allowed.
    pub fn try_new(name: &str) -> Result<Self, NameError> {
        let is_inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let is_allowed = !name.is_empty()
            && name.len() <= Self::LENGTH_MAX
            && name.bytes().all(is_inner)
            && !name.starts_with('-')
            && !name.ends_with('-');
        if is_allowed {
            Ok(Self(name.into()))
        } else {
            Err(NameError::new(
                "target",
                name,
                "1 to 63 lower-case letters, digits and hyphens, not beginning or ending with a hyphen",
            ))
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl TryFrom<String> for TargetName {
    type Error = NameError;

    fn try_from(name: String) -> Result<Self, NameError> {
        Self::try_new(&name)
    }
}

impl From<TargetName> for String {
    fn from(name: TargetName) -> String {
        name.0.as_ref().to_owned()
    }
}

/// How an application key becomes a slice key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum KeyMode {
    /// The 8-byte big-endian XXH64 (seed 0) of the application key: load spreads evenly.
    #[default]
    Hashed,
    /// The application key itself: neighbours stay together and range scans are local.
    Ordered,
}

/// What is promised about two pods believing that they own the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OwnershipMode {
    /// Each slice always has an owner; for a short time after a change two pods may both believe they are it.
    #[default]
    Affinity,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_named_like_a_host() {
        for good in ["a", "profiles", "order-2", &"x".repeat(63)] {
            assert!(TargetName::try_new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a.b", "ä", &"x".repeat(64)] {
            assert!(TargetName::try_new(bad).is_err(), "{bad}");
        }
    }
}
