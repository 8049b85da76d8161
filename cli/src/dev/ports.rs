//! Free ports on this machine.

use std::net::{Ipv4Addr, TcpListener};

use crate::exit::Failure;

/// Below those that the system gives to outgoing connections: a process that is killed and started again finds its
/// port free, and nobody who calls it meanwhile gets connected to himself.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
const TRY_COUNT: usize = 200;

/// A port at which nobody listens now.
pub(crate) fn free_port() -> Result<u16, Failure> {
    let mut candidates = (0..TRY_COUNT).map(|_| rand::random_range(PORTS));
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    candidates.find(is_free).ok_or_else(|| {
        let (first, last) = (PORTS.start, PORTS.end - 1);
        Failure::failed(format!("no free port found on 127.0.0.1 from {first} to {last}"))
    })
}
