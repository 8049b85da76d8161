//! Targets: a target is one sharded service, the unit of tenancy.

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

/// How an application key is converted to a slice key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum KeyMode {
    /// The 8-byte big-endian XXH64 (seed 0) of the application key: load spreads evenly.
    #[default]
    Hashed,
    /// The application key itself: adjacent keys stay together, so range scans are local.
    Ordered,
}

/// The guarantee about two pods that own the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OwnershipMode {
    /// Every slice has an owner at all times; for a short time after a change two pods may both act as the owner.
    #[default]
    Affinity,
}

/// How a pod handles a request for a key that another pod owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum MisrouteMode {
    /// Returns the owner in the error, and the caller (a clerk) sends the request there.
    #[default]
    Redirect,
    /// Forwards the request to the owner and returns its reply, for callers without a clerk.
    Forward,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_name_is_a_host_name_label() {
        for good in ["a", "profiles", "order-2", &"x".repeat(63)] {
            assert!(TargetName::try_new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a.b", "ä", &"x".repeat(64)] {
            assert!(TargetName::try_new(bad).is_err(), "{bad}");
        }
    }
}
