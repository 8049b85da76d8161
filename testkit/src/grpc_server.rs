//! A gRPC server in this process.

use std::net::{Ipv4Addr, SocketAddr};

use emberkeep_runtime::serve::{bind, incoming, server_builder};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

/// Serves at a free port of this machine until `stop` is cancelled; then streams end and connections close in good order.
///
/// # Panics
/// If no port is free.
pub async fn serve(routes: Routes, stop: CancellationToken) -> SocketAddr {
    let listener = bind((Ipv4Addr::LOCALHOST, 0).into()).await;
    let listener = listener.expect("the loopback address has a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    let server = server_builder().add_routes(routes);
    tokio::spawn(server.serve_with_incoming_shutdown(incoming(listener), stop.cancelled_owned()));
    address
}
