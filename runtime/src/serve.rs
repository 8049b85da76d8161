//! How a gRPC server listens.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::channel::ChannelSettings;

/// An address at which no server can listen.
#[derive(Debug, Error)]
pub enum BindError {
    /// Another process, or another part of this one, listens there.
    #[error("{address} is in use by another process: stop it, or choose another port")]
    InUse {
        /// Where.
        address: SocketAddr,
    },
    /// The system refused for another reason.
    #[error("cannot listen at {address}: {reason}")]
    Refused {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        reason: io::Error,
    },
}

/// Listens at `address`; port 0 takes any that is free.
///
/// # Errors
/// When the port is in use, or the system refuses.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|reason| match reason.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address },
        _ => BindError::Refused { address, reason },
    })
}

/// The connections of `listener`, with `TCP_NODELAY`: without it, small answers wait for up to 40 ms.
#[must_use]
pub fn incoming(listener: TcpListener) -> TcpIncoming {
    TcpIncoming::from(listener).with_nodelay(Some(true))
}

/// How many calls one connection may have open at a time; further ones wait at the caller.
const STREAMS_MAX: u32 = 10_000;

/// A server that notices silent callers and lets streams receive ahead, as channels do.
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
            format!("{address} is in use by another process: stop it, or choose another port")
        );
    }
}
