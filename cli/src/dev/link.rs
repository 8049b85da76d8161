//! Links: connections that pass through this process, so that it can cut them.
//!
//! A link that is cut keeps what is open and takes what comes, and passes nothing on, either way: its ends see silence,
//! as from a network that has lost a machine. Once it is mended, what was sent meanwhile arrives.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use emberkeep_runtime::tasks::Tasks;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::cluster::leader_of;
use super::ports::free_port;
use crate::admin::AssignerAdmin;
use crate::exit::Failure;

/// How many connections a link passes at a time; more of them wait in the system's queue.
const CONNECTION_COUNT_MAX: usize = 256;
/// How much is under way on a connection in one direction; the rest waits with its sender.
const BUFFER_SIZE: usize = 64 << 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// All links of one pod. They end when this is dropped.
#[derive(Debug)]
pub(super) struct Links {
    is_cut: watch::Sender<bool>,
    tasks: Tasks,
}

/// Where a link leads.
#[derive(Debug, Clone)]
pub(super) enum Way {
    To(SocketAddr),
    /// To the member of the assigner that leads when the connection comes.
    ToLeader(AssignerAdmin, Vec<(u64, SocketAddr)>),
}

impl Links {
    pub(super) fn none() -> Self {
        Self {
            is_cut: watch::Sender::new(false),
            tasks: Tasks::new(),
        }
    }

    /// One more link. Answers with where it begins.
    pub(super) async fn add(&self, way: Way) -> Result<SocketAddr, Failure> {
        let begin = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let listener = TcpListener::bind(begin).await;
        let listener = listener.map_err(|error| Failure::failed(format!("cannot listen at {begin}: {error}")))?;
        let (stop, is_cut) = (self.tasks.stop().clone(), self.is_cut.subscribe());
        self.tasks.spawn_supervised("link of a pod", async move {
            stop.run_until_cancelled(pass_connections(listener, way, is_cut)).await;
        });
        Ok(begin)
    }

    /// From now on, nothing passes.
    pub(super) fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    /// From now on, everything passes again.
    pub(super) fn mend(&self) {
        self.is_cut.send_replace(false);
    }

    pub(super) async fn end(self) {
        self.tasks.shutdown(END_TIMEOUT).await;
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        self.tasks.stop().cancel();
    }
}

/// Passes connections on until it is dropped, or the system has none left to give.
async fn pass_connections(listener: TcpListener, way: Way, is_cut: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(CONNECTION_COUNT_MAX));
    let mut connections = JoinSet::new();
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((near, _)) => {
                let (way, is_cut) = (way.clone(), is_cut.clone());
                connections.spawn(async move {
                    // Its ends learn from the closed connection that it failed.
                    let _ = pass(near, &way, is_cut).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::error!(%error, "a link takes no more connections");
                return;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Passes one connection on until both directions have ended.
async fn pass(near: TcpStream, way: &Way, mut is_cut: watch::Receiver<bool>) -> io::Result<()> {
    open(&mut is_cut).await;
    let far = timeout(CONNECT_TIMEOUT, TcpStream::connect(way.end().await?)).await??;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let there = copy(near_in, far_out, is_cut.clone());
    let back = copy(far_in, near_out, is_cut);
    tokio::try_join!(there, back).map(drop)
}

/// Passes bytes on in one direction while the link is not cut.
async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut is_cut: watch::Receiver<bool>) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_SIZE];
    loop {
        let read = from.read(&mut buffer).await;
        open(&mut is_cut).await;
        match read? {
            0 => return to.shutdown().await,
            count => to.write_all(&buffer[..count]).await?,
        }
    }
}

/// Waits until the link is not cut.
async fn open(is_cut: &mut watch::Receiver<bool>) {
    if is_cut.wait_for(|is_cut| !is_cut).await.is_err() {
        // Nobody is left to mend it; what passes through it ends with its tasks.
        std::future::pending::<()>().await;
    }
}

impl Way {
    async fn end(&self) -> io::Result<SocketAddr> {
        match self {
            Self::To(address) => Ok(*address),
            Self::ToLeader(admin, members) => {
                let leader = leader_of(admin).await.ok().flatten();
                let member = leader.and_then(|(id, _)| members.iter().find(|(known, _)| *known == id));
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

    /// A link, its links, and a connection through it: the near end and the far end.
    async fn connected() -> (Links, TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let links = Links::none();
        let begin = links.add(Way::To(listener.local_addr().unwrap())).await.unwrap();
        let near = TcpStream::connect(begin).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        (links, near, far)
    }

    async fn read(end: &mut TcpStream) -> [u8; 4] {
        let mut bytes = [0; 4];
        let deadline = Duration::from_secs(10);
        timeout(deadline, end.read_exact(&mut bytes)).await.unwrap().unwrap();
        bytes
    }

    #[tokio::test]
    async fn what_is_sent_arrives_both_ways_and_so_does_the_end() {
        let (_links, mut near, mut far) = connected().await;
        near.write_all(b"ping").await.unwrap();
        assert_eq!(&read(&mut far).await, b"ping");
        far.write_all(b"pong").await.unwrap();
        assert_eq!(&read(&mut near).await, b"pong");
        drop(near);
        assert_eq!(far.read(&mut [0; 4]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_cut_link_is_silent_until_it_is_mended() {
        let (links, mut near, mut far) = connected().await;
        links.cut();
        near.write_all(b"ping").await.unwrap();
        let silence = timeout(Duration::from_millis(100), far.read_u8()).await;
        assert!(silence.is_err(), "{silence:?}");
        links.mend();
        assert_eq!(&read(&mut far).await, b"ping");
    }

    #[tokio::test]
    async fn who_connects_to_a_cut_link_waits_until_it_is_mended() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let links = Links::none();
        let begin = links.add(Way::To(listener.local_addr().unwrap())).await.unwrap();
        links.cut();
        let mut near = TcpStream::connect(begin).await.unwrap();
        near.write_all(b"ping").await.unwrap();
        let silence = timeout(Duration::from_millis(100), listener.accept()).await;
        assert!(silence.is_err(), "{silence:?}");
        links.mend();
        let (mut far, _) = listener.accept().await.unwrap();
        assert_eq!(&read(&mut far).await, b"ping");
    }

    #[tokio::test]
    async fn links_end_in_order() {
        let (links, mut near, _far) = connected().await;
        links.end().await;
        assert!(matches!(near.read(&mut [0; 4]).await, Ok(0) | Err(_)));
    }
}
