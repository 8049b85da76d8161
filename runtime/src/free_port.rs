//! Free ports on the loopback interface, for processes that a developer or a test starts beside each other.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};

use thiserror::Error;

/// Below the range of outgoing connections: the port of a killed process stays free for its restart, and a client that
/// connects meanwhile cannot connect to itself.
const PORTS: Range<u16> = 20_000..32_000;
const TRY_COUNT: usize = 200;

/// No port was found in 200 attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no free port found on 127.0.0.1 from {} to {}", PORTS.start, PORTS.end - 1)]
pub struct NoFreePort;

/// A port on which no process listens now, and which this process has not returned for 12,000 calls.
///
/// A port is bound only some time after it was chosen. Ports drawn at random for servers that start together would now
/// and then be the same one; these follow each other from a random first port.
///
/// # Errors
/// If none is found in 200 attempts.
pub fn free_port() -> Result<u16, NoFreePort> {
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let mut candidates = std::iter::repeat_with(next_port).take(TRY_COUNT);
    candidates.find(is_free).ok_or(NoFreePort)
}

fn next_port() -> u16 {
    static FIRST: OnceLock<u16> = OnceLock::new();
    static COUNT: AtomicU16 = AtomicU16::new(0);
    let count = PORTS.end - PORTS.start;
    let first = *FIRST.get_or_init(|| rand::random_range(0..count));
    let step = COUNT
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |number| {
            Some((number + 1) % count)
        })
        .unwrap_or_default();
    PORTS.start + (first + step) % count
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ports_chosen_before_any_is_bound_differ() {
        let ports: BTreeSet<u16> = (0..1_000).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.len(), 1_000);
        assert!(ports.iter().all(|port| PORTS.contains(port)));
    }
}
