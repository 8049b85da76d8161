//! Addresses of this machine.

use std::net::{Ipv4Addr, SocketAddr};

use emberkeep_runtime::free_port::free_port;
use tokio::net::TcpSocket;

/// An address at which no process listens, and which is still free when a server starts there: see [`free_port`].
///
/// # Panics
/// If there is none.
pub fn free_address() -> SocketAddr {
    let port = free_port().expect("not all ports of the range are in use");
    (Ipv4Addr::LOCALHOST, port).into()
}

/// An address that refuses connections for as long as this value exists: the port is bound, so that no other process can
/// take it, and not listened at.
#[derive(Debug)]
pub struct RefusingAddress(TcpSocket);

impl RefusingAddress {
    /// Binds any free port of 127.0.0.1.
    ///
    /// # Panics
    /// If no port is free.
    pub fn bind() -> Self {
        let socket = TcpSocket::new_v4().expect("the process may open another socket");
        socket
            .bind((Ipv4Addr::LOCALHOST, 0).into())
            .expect("the loopback address has a free port");
        Self(socket)
    }

    /// The address with its port.
    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("a bound socket has an address")
    }
}
