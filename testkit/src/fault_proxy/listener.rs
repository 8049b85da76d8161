//! Accepts a bounded number of connections.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::forwarder::FaultyForwarder;

/// How many connections are served at a time; further ones wait in the system's accept queue.
const CONNECTION_COUNT_MAX: usize = 512;
/// How long a connection may take to send the head of a request, idle time included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(120);

/// Accepts and serves connections; dropping the future cuts them.
pub(super) async fn serve(listener: TcpListener, forwarder: Arc<FaultyForwarder>) {
    let slots = Arc::new(Semaphore::new(CONNECTION_COUNT_MAX));
    let mut connections = JoinSet::new();
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        // The process is out of file handles, and its test has failed already.
        let Ok((connection, _)) = listener.accept().await else {
            return;
        };
        let forwarder = Arc::clone(&forwarder);
        connections.spawn(async move {
            serve_one(connection, &forwarder).await;
            drop(slot);
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Serves one connection until its client closes it, or a fault cuts it.
async fn serve_one(connection: TcpStream, forwarder: &FaultyForwarder) {
    if connection.set_nodelay(true).is_err() {
        return;
    }
    let answer = service_fn(|request| forwarder.answer(request));
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(connection), answer)
        .await;
}
