//! A TCP proxy inside this process, for connections that can be cut.
//!
//! A proxy that is cut keeps open connections, accepts new ones, and forwards nothing in either direction: both ends
//! observe silence, as after the loss of a host. After it is reconnected, the bytes sent in between arrive.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use emberkeep_assigner::AssignerAdmin;
use emberkeep_assigner::raft::MemberId;
use emberkeep_runtime::free_port::free_port;
use emberkeep_runtime::tasks::Tasks;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::LabError;

/// The maximum number of forwarded connections; more wait in the system's accept queue.
const CONNECTION_COUNT_MAX: usize = 256;
/// The buffer of a connection in one direction, in bytes; TCP flow control holds back the rest.
const BUFFER_SIZE: usize = 64 << 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// All forwarded connections of one pod. Dropping it closes them.
#[derive(Debug)]
pub(super) struct TcpProxy {
    is_cut: watch::Sender<bool>,
    tasks: Tasks,
}

/// The destination of forwarded connections.
#[derive(Debug, Clone)]
pub(super) enum Upstream {
    /// Always the same address.
    Address(SocketAddr),
    /// The leading member of the assigner among these when the connection is accepted.
    Leader(AssignerAdmin, Vec<(MemberId, SocketAddr)>),
}

impl TcpProxy {
    /// A proxy that is not listening yet.
    pub(super) fn new() -> Self {
        Self {
            is_cut: watch::Sender::new(false),
            tasks: Tasks::new(),
        }
    }

    /// Listens at a free port, which it returns, and forwards to this upstream.
    pub(super) async fn listen(&self, upstream: Upstream) -> Result<SocketAddr, LabError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|error| LabError::failed(format!("cannot listen at {address}: {error}")))?;
        let (stop, is_cut) = (self.tasks.stop().clone(), self.is_cut.subscribe());
        self.tasks.spawn_supervised("proxy of a pod", async move {
            stop.run_until_cancelled(forward_connections(listener, upstream, is_cut))
                .await;
        });
        Ok(address)
    }

    /// Stops forwarding until `reconnect`.
    pub(super) fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    /// Resumes forwarding, starting with the bytes held back.
    pub(super) fn reconnect(&self) {
        self.is_cut.send_replace(false);
    }

    /// Closes all connections, and stops listening.
    pub(super) async fn end(self) {
        self.tasks.shutdown(END_TIMEOUT).await;
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.tasks.stop().cancel();
    }
}

/// Forwards connections until it is dropped or `accept` fails.
async fn forward_connections(listener: TcpListener, upstream: Upstream, is_cut: watch::Receiver<bool>) {
    let permits = Arc::new(Semaphore::new(CONNECTION_COUNT_MAX));
    let mut connections = JoinSet::new();
    while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
        match listener.accept().await {
            Ok((near, _)) => {
                let (upstream, is_cut) = (upstream.clone(), is_cut.clone());
                connections.spawn(async move {
                    // Both ends observe a failure as a closed connection.
                    let _ = forward(near, &upstream, is_cut).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::error!(%error, "proxy stopped accepting connections");
                return;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Forwards one connection until both directions have ended.
async fn forward(near: TcpStream, upstream: &Upstream, mut is_cut: watch::Receiver<bool>) -> io::Result<()> {
    connected(&mut is_cut).await;
    let far = timeout(CONNECT_TIMEOUT, TcpStream::connect(upstream.address().await?)).await??;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let there = copy(near_in, far_out, is_cut.clone());
    let back = copy(far_in, near_out, is_cut);
    tokio::try_join!(there, back).map(drop)
}

/// Copies bytes in one direction while the proxy is not cut.
async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut is_cut: watch::Receiver<bool>) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_SIZE];
    loop {
        let read = from.read(&mut buffer).await;
        connected(&mut is_cut).await;
        match read? {
            0 => return to.shutdown().await,
            count => to.write_all(&buffer[..count]).await?,
        }
    }
}

/// Waits until the proxy is not cut.
async fn connected(is_cut: &mut watch::Receiver<bool>) {
    if is_cut.wait_for(|is_cut| !is_cut).await.is_err() {
        // The proxy was dropped, which ends this task.
        std::future::pending::<()>().await;
    }
}

impl Upstream {
    async fn address(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Address(address) => Ok(*address),
            Self::Leader(admin, members) => {
                let leadership = admin.leadership().await.ok().flatten();
                let leader = leadership.map(|leadership| leadership.leader);
                let member = members.iter().find(|(id, _)| Some(*id) == leader);
                member
                    .map(|(_, address)| *address)
                    .ok_or_else(|| io::Error::other("no member of the assigner leads"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DEADLINE;

    /// A proxy and both ends of a connection through it: near and far.
    async fn connection() -> (TcpProxy, TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = TcpProxy::new();
        let address = proxy
            .listen(Upstream::Address(listener.local_addr().unwrap()))
            .await
            .unwrap();
        let near = TcpStream::connect(address).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        (proxy, near, far)
    }

    async fn read(end: &mut TcpStream) -> [u8; 4] {
        let mut bytes = [0; 4];
        timeout(DEADLINE, end.read_exact(&mut bytes)).await.unwrap().unwrap();
        bytes
    }

    #[tokio::test]
    async fn bytes_and_the_end_of_a_stream_pass_in_both_directions() {
        let (_proxy, mut near, mut far) = connection().await;
        near.write_all(b"ping").await.unwrap();
        assert_eq!(&read(&mut far).await, b"ping");
        far.write_all(b"pong").await.unwrap();
        assert_eq!(&read(&mut near).await, b"pong");
        drop(near);
        assert_eq!(far.read(&mut [0; 4]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_cut_proxy_is_silent_until_it_is_reconnected() {
        let (proxy, mut near, mut far) = connection().await;
        proxy.cut();
        near.write_all(b"ping").await.unwrap();
        let silence = timeout(Duration::from_millis(100), far.read_u8()).await;
        assert!(silence.is_err(), "{silence:?}");
        proxy.reconnect();
        assert_eq!(&read(&mut far).await, b"ping");
    }

    #[tokio::test]
    async fn a_connection_to_a_cut_proxy_waits_until_it_is_reconnected() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = TcpProxy::new();
        let address = proxy
            .listen(Upstream::Address(listener.local_addr().unwrap()))
            .await
            .unwrap();
        proxy.cut();
        let mut near = TcpStream::connect(address).await.unwrap();
        near.write_all(b"ping").await.unwrap();
        let silence = timeout(Duration::from_millis(100), listener.accept()).await;
        assert!(silence.is_err(), "{silence:?}");
        proxy.reconnect();
        let (mut far, _) = listener.accept().await.unwrap();
        assert_eq!(&read(&mut far).await, b"ping");
    }

    #[tokio::test]
    async fn a_proxy_closes_its_connections_at_its_end() {
        let (proxy, mut near, _far) = connection().await;
        proxy.end().await;
        assert!(matches!(near.read(&mut [0; 4]).await, Ok(0) | Err(_)));
    }
}
