//! Accepting connections, a bounded number of them.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::forwarding::Forwarding;

/// How many connections are served at a time; more of them wait in the system's queue.
const CONNECTION_COUNT_MAX: usize = 512;
/// How long a connection may take to send the head of a request, idle time included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(120);

/// Serves until dropped.
pub(super) async fn serve(listener: TcpListener, forwarding: Arc<Forwarding>) {
    let slots = Arc::new(Semaphore::new(CONNECTION_COUNT_MAX));
    let mut connections = JoinSet::new();
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        // A test whose process is out of file handles has failed already.
        let Ok((connection, _)) = listener.accept().await else {
            return;
        };
        let forwarding = Arc::clone(&forwarding);
        connections.spawn(async move {
            serve_one(connection, &forwarding).await;
            drop(slot);
        });
        while connections.try_join_next().is_some() {}
    }
}

/// A connection ends when its client closes it, or with the first request that is to be cut.
async fn serve_one(connection: TcpStream, forwarding: &Forwarding) {
    if connection.set_nodelay(true).is_err() {
        return;
    }
    let answer = service_fn(|request| forwarding.answer(request));
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(connection), answer)
        .await;
}
