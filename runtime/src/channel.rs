//! gRPC channels: addresses, timeouts, keepalive.

use std::time::Duration;

use thiserror::Error;
use tonic::transport::{Channel, Endpoint};

/// The timeouts and flow control of a connection. tonic's own defaults have neither deadlines nor keepalive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelSettings {
    /// The deadline of connecting.
    pub connect_timeout: Duration,
    /// The time between two keepalive pings (HTTP/2 PING), whether or not calls are open.
    pub keepalive_interval: Duration,
    /// The deadline of the answer to a ping. Interval and timeout together bound the time until a dead connection is
    /// closed.
    pub keepalive_timeout: Duration,
    /// The flow-control window of one stream, in bytes.
    pub stream_window: u32,
    /// The flow-control window of the connection, in bytes: the limit for all its streams together.
    pub connection_window: u32,
}

impl Default for ChannelSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(1),
            keepalive_interval: Duration::from_secs(5),
            keepalive_timeout: Duration::from_secs(2),
            stream_window: 1 << 20,
            connection_window: 4 << 20,
        }
    }
}

/// An address that names no gRPC server.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("address {address:?} is invalid: it must be host:port or http://host:port")]
pub struct BadAddress {
    address: String,
}

/// A channel to `address`: `host:port` or `http://host:port`. It connects at the first call, and reconnects at the next
/// call after the connection was lost.
///
/// # Errors
/// When the address has neither form.
pub fn channel_to(address: &str, settings: &ChannelSettings) -> Result<Channel, BadAddress> {
    let endpoint = endpoint_of(address).ok_or_else(|| BadAddress {
        address: address.chars().take(80).collect(),
    })?;
    let channel = endpoint
        .connect_timeout(settings.connect_timeout)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(settings.keepalive_interval)
        .keep_alive_timeout(settings.keepalive_timeout)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(settings.stream_window)
        .initial_connection_window_size(settings.connection_window)
        .connect_lazy();
    Ok(channel)
}

/// Whether [`channel_to`] accepts the address.
#[cfg(feature = "otlp")]
pub(crate) fn is_valid_address(address: &str) -> bool {
    endpoint_of(address).is_some()
}

fn endpoint_of(address: &str) -> Option<Endpoint> {
    let url = match address.split_once("://") {
        None => format!("http://{address}"),
        Some(_) => address.to_owned(),
    };
    let endpoint = Endpoint::from_shared(url).ok()?;
    let uri = endpoint.uri();
    let is_callable = uri.scheme_str() == Some("http") && uri.port_u16().is_some_and(|port| port > 0);
    is_callable.then_some(endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_is_a_host_and_a_port_with_or_without_a_scheme() {
        let settings = ChannelSettings::default();
        for good in ["127.0.0.1:80", "http://pod-1.svc:8080", "[::1]:9000"] {
            assert!(channel_to(good, &settings).is_ok(), "{good}");
        }
        for bad in [
            "",
            "host",
            "https://host:1",
            "http://",
            "a b:80",
            "host:0",
            "host:99999",
        ] {
            let error = channel_to(bad, &settings).unwrap_err().to_string();
            assert!(error.ends_with("it must be host:port or http://host:port"), "{bad}");
        }
    }
}
