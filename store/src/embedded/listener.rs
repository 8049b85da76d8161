//! The accept loop: bounded connections, bounded idle time, graceful shutdown.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use s3s::service::S3Service;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Concurrent connections; further ones wait in the accept queue of the operating system.
const CONNECTION_COUNT_MAX: usize = 1024;
/// How long a connection may take to send the header of a request, idle time included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// How long running requests may take to finish during shutdown.
const GRACE: Duration = Duration::from_secs(5);
/// The pause after a failed accept. The usual cause is a lack of file descriptors, which closing connections free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop`; connections that outlast [`GRACE`] are aborted.
pub(super) async fn serve(socket: TcpListener, service: S3Service, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(CONNECTION_COUNT_MAX));
    while let Some(Ok(slot)) = stop.run_until_cancelled(Arc::clone(&slots).acquire_owned()).await {
        let Some(accepted) = stop.run_until_cancelled(accept(&socket)).await else {
            break;
        };
        let http = http();
        let connection = http
            .serve_connection(TokioIo::new(accepted), service.clone())
            .into_owned();
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            // The client sees the broken connection; the server has nothing to report.
            let _ = connection.await;
            drop(slot);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(socket);
    let _ = timeout(GRACE, graceful.shutdown()).await;
}

async fn accept(socket: &TcpListener) -> TcpStream {
    loop {
        match socket.accept().await {
            // Without TCP_NODELAY, small replies wait for the client's delayed acknowledgement.
            Ok((connection, _)) if connection.set_nodelay(true).is_ok() => return connection,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn http() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    builder
}
