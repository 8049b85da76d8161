//! gRPC servers: listener, keepalive, limits.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::channel::ChannelSettings;

/// A failure to listen at an address.
#[derive(Debug, Error)]
pub enum BindError {
    /// The port is in use, by another process or by this one.
    #[error(
        "the listen address is unavailable: {address} is in use by another process; stop it, or choose another port"
    )]
    InUse {
        /// The address to listen at.
        address: SocketAddr,
    },
    /// The operating system rejects the address for another reason.
    #[error("the listen address is unavailable: {address}: {reason}")]
    Refused {
        /// The address to listen at.
        address: SocketAddr,
        /// The error of the operating system.
        reason: io::Error,
    },
}

/// Opens a listener at `address`; port 0 chooses a free port.
///
/// # Errors
/// When the port is in use, or the operating system rejects the address.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|reason| match reason.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address },
        _ => BindError::Refused { address, reason },
    })
}

/// The connections of `listener`, with `TCP_NODELAY`: without it, Nagle's algorithm delays small answers by up to 40
/// ms.
#[must_use]
pub fn incoming(listener: TcpListener) -> TcpIncoming {
    TcpIncoming::from(listener).with_nodelay(Some(true))
}

/// The most concurrent calls of one connection; further ones wait in the caller's channel.
const STREAMS_MAX: u32 = 10_000;

/// A server with the keepalive and flow-control windows of [`ChannelSettings`]: connections of dead callers are closed.
#[must_use]
pub fn server_builder() -> Server {
    let settings = ChannelSettings::default();
    Server::builder()
        .http2_keepalive_interval(Some(settings.keepalive_interval))
        .http2_keepalive_timeout(Some(settings.keepalive_timeout))
        .initial_stream_window_size(settings.stream_window)
        .initial_connection_window_size(settings.connection_window)
        .max_concurrent_streams(STREAMS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_named() {
        let first = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = first.local_addr().unwrap();
        let error = bind(address).await.unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "the listen address is unavailable: {address} is in use by another process; stop it, or choose another port"
            )
        );
    }
}
