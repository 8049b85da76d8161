//! The hosts of the test's network.

use std::net::{Ipv4Addr, SocketAddr};

/// The subnet of all pods, and of no other hosts.
pub(crate) const POD_SUBNET: &str = "10.77.1.0/24";

/// A network namespace with one address. Its name is that of the device that leads there, and of its process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) address: Ipv4Addr,
}

impl Host {
    /// The host of the test itself, with its clerks: at the bridge.
    pub(crate) fn hub() -> Self {
        Self::new("hub".to_owned(), [0, 1])
    }

    pub(crate) fn assigner() -> Self {
        Self::new("assigner-1".to_owned(), [0, 2])
    }

    pub(crate) fn pod(number: u8) -> Self {
        Self::new(format!("pod-{number}"), [1, number])
    }

    /// The host of the process of that name.
    pub(crate) fn named(name: &str) -> Self {
        match name.strip_prefix("pod-") {
            Some(number) => Self::pod(number.parse().unwrap()),
            None => Self::assigner(),
        }
    }

    fn new(name: String, [third, fourth]: [u8; 2]) -> Self {
        let address = Ipv4Addr::new(10, 77, third, fourth);
        Self { name, address }
    }

    /// The listen address of its server.
    pub(crate) fn listen(&self) -> SocketAddr {
        (self.address, 7400).into()
    }

    /// The listen address of its metrics.
    pub(crate) fn http(&self) -> SocketAddr {
        (self.address, 7401).into()
    }

    /// A fixed hardware address, which the other hosts know from the start: without ARP, no host notices the loss of
    /// another, as with a machine behind a router.
    pub(crate) fn hardware_address(&self) -> String {
        let [a, b, c, d] = self.address.octets();
        format!("02:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
    }
}
