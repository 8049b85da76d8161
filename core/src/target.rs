//! Targets: one sharded service each, the unit of tenancy.

use serde::{Deserialize, Serialize};

use crate::name::name_type;

name_type! {
    /// The name of a target: a label as in host names (RFC 1123).
    TargetName,
    kind: "target",
    length_max: 63,
    allowed: "1 to 63 lower-case letters, digits and hyphens, not beginning or ending with a hyphen",
    is_allowed: |name| {
        let is_inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        !name.is_empty() && name.bytes().all(is_inner) && !name.starts_with('-') && !name.ends_with('-')
    },
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

/// What a pod does with a request for a key that another pod owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum MisrouteMode {
    /// Answers who owns the key, and the caller goes there: a clerk does.
    #[default]
    Redirect,
    /// Sends the request on to the owner and answers what that answers, for callers that know of no owners.
    Forward,
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
