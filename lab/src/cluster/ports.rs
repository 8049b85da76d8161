//! Free ports on the loopback interface.

use std::net::{Ipv4Addr, TcpListener};

use crate::LabError;

/// Below the range of outgoing connections: the port of a killed process stays free for its restart, and a client that
/// connects meanwhile cannot connect to itself.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
const TRY_COUNT: usize = 200;

/// A port on which no process listens now.
///
/// # Errors
/// If none is found in 200 attempts.
pub fn free_port() -> Result<u16, LabError> {
    let mut candidates = (0..TRY_COUNT).map(|_| rand::random_range(PORTS));
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    candidates.find(is_free).ok_or_else(|| {
        let (first, last) = (PORTS.start, PORTS.end - 1);
        LabError::failed(format!("no free port found on 127.0.0.1 from {first} to {last}"))
    })
}
