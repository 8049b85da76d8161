//! Pods: the processes that own slices.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::name::name_type;

name_type! {
    /// The name of a pod, unique in its target.
    PodName,
    kind: "pod",
    length_max: 253,
    allowed: "1 to 253 letters, digits, dots, hyphens and underscores",
    is_allowed: |name| !name.is_empty() && name.bytes().all(is_name_byte),
}

name_type! {
    /// The address that a pod serves at: the host is a name, an IPv4 address or an IPv6 address in brackets.
    PodAddress,
    kind: "address",
    // The longest DNS name, a colon and a port.
    length_max: 259,
    allowed: "host:port with a port from 1 to 65535",
    is_allowed: |address| address.rsplit_once(':').is_some_and(|(host, port)| is_host(host) && is_port(port)),
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|c| c.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(is_name_byte),
    }
}

/// The incarnation of a pod: a random 128-bit number (a UUID) drawn when its process starts, to distinguish restarts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incarnation(pub u128);

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The capacity of a pod relative to others, in thousandths: 1,000 is an ordinary pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Weight(u32);

impl Weight {
    /// The weight of an ordinary pod.
    pub const ONE: Weight = Weight(1_000);
    /// The largest weight: a thousand ordinary pods.
    pub const MAX: Weight = Weight(1_000_000);

    /// A weight from thousandths; `None` unless they are from 1 to 1,000,000.
    #[must_use]
    pub const fn from_thousandths(thousandths: u32) -> Option<Self> {
        if thousandths >= 1 && thousandths <= Self::MAX.0 {
            Some(Self(thousandths))
        } else {
            None
        }
    }

    /// The weight in thousandths.
    #[must_use]
    pub const fn thousandths(self) -> u32 {
        self.0
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self::ONE
    }
}

/// One process that owns slices.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Pod {
    /// Unique in its target; a new incarnation of the same name replaces the old one.
    pub name: PodName,
    /// Distinguishes restarts under the same name.
    pub incarnation: Incarnation,
    /// The address that clerks connect to.
    pub address: PodAddress,
    /// Its failure domain; empty if there are none.
    pub zone: Arc<str>,
    /// Its capacity relative to other pods.
    pub weight: Weight,
    /// How many bytes of values it can keep warm; the balancer assigns no more. `None` if unlimited.
    pub memory_capacity: Option<u64>,
}

impl Pod {
    /// A pod in no zone, with the weight of an ordinary pod and no memory limit.
    #[must_use]
    pub fn new(name: PodName, incarnation: Incarnation, address: PodAddress) -> Self {
        Self {
            name,
            incarnation,
            address,
            zone: "".into(),
            weight: Weight::ONE,
            memory_capacity: None,
        }
    }
}

/// The phase that a pod reports with every heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PodPhase {
    /// Not ready to own slices yet.
    Starting,
    /// Serves its assigned slices.
    Ready,
    /// Serves until all its slices have moved, then exits.
    Draining,
}

#[cfg(test)]
pub(crate) mod fixtures;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        for good in ["127.0.0.1:80", "pod-1.svc.local:65535", "[::1]:8080"] {
            assert!(PodAddress::try_new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "host",
            ":80",
            "host:0",
            "host:65536",
            "host:+80",
            "::1:80",
            "http://a:80",
            "[zz]:1",
        ] {
            assert!(PodAddress::try_new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_error_for_a_rejected_name_says_what_is_allowed_and_is_truncated() {
        let error = PodName::try_new(&"é".repeat(1_000)).unwrap_err().to_string();
        assert!(error.ends_with("1 to 253 letters, digits, dots, hyphens and underscores"));
        assert!(error.chars().count() < 200);
    }
}
