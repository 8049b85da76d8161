//! A write whose reply gets lost happened once, and its writer learns that it did.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use emberkeep_store::embedded::EmbeddedS3;
use emberkeep_store::{Expect, S3Settings, Store, StoreError};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::place::{BUCKET, server};
use crate::reads_and_writes::{content, name};

#[tokio::test]
async fn a_create_whose_reply_is_lost_succeeds() {
    let folder = TempDir::new().unwrap();
    let server = server(&folder).await;
    let wire = Wire::losing_the_reply_to("PUT /state/a", &server).await;
    let etag = wire.store.put(&name("a"), "x".into(), Expect::Absent).await.unwrap();
    assert!(wire.has_lost(), "no reply was lost");
    assert_eq!(content(&wire.store, &name("a")).await, (Bytes::from("x"), etag));
}

#[tokio::test]
async fn a_large_create_whose_reply_is_lost_succeeds() {
    let folder = TempDir::new().unwrap();
    let server = server(&folder).await;
    let wire = Wire::losing_the_reply_to("POST /state/a?uploadId=", &server).await;
    let bytes = Bytes::from(vec![b'x'; (16 << 20) + 1]);
    let etag = wire.store.put(&name("a"), bytes.clone(), Expect::Absent).await.unwrap();
    assert!(wire.has_lost(), "no reply was lost");
    assert_eq!(content(&wire.store, &name("a")).await, (bytes, etag));
}

#[tokio::test]
async fn a_create_that_lost_to_equal_bytes_still_lost() {
    let folder = TempDir::new().unwrap();
    let server = server(&folder).await;
    let store = server.store(BUCKET).await.unwrap();
    store.put(&name("a"), "x".into(), Expect::Absent).await.unwrap();
    let second = store.put(&name("a"), "x".into(), Expect::Absent).await;
    assert!(
        matches!(second, Err(StoreError::PreconditionFailed { .. })),
        "{second:?}"
    );
}

/// A client whose connections break once, just when the server answers a certain request.
struct Wire {
    store: Store,
    lost: Arc<AtomicBool>,
    _proxy: JoinSet<()>,
}

impl Wire {
    async fn losing_the_reply_to(request: &'static str, server: &EmbeddedS3) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let lost = Arc::new(AtomicBool::new(false));
        let mut proxy = JoinSet::new();
        proxy.spawn(forward_all(listener, server.addr(), request, Arc::clone(&lost)));
        let store = Store::s3(S3Settings {
            endpoint: Some(endpoint),
            ..server.settings(BUCKET)
        })
        .await
        .unwrap();
        Self {
            store,
            lost,
            _proxy: proxy,
        }
    }

    fn has_lost(&self) -> bool {
        self.lost.load(Ordering::SeqCst)
    }
}

async fn forward_all(listener: TcpListener, server: SocketAddr, request: &'static str, lost: Arc<AtomicBool>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(forward(client, server, request, Arc::clone(&lost)));
    }
}

async fn forward(client: TcpStream, server: SocketAddr, request: &'static str, lost: Arc<AtomicBool>) {
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, to_server) = TcpStream::connect(server).await.unwrap().into_split();
    let armed = AtomicBool::new(false);
    let answers = async {
        let mut first = [0; 1];
        while let Ok(1) = from_server.peek(&mut first).await {
            if armed.load(Ordering::SeqCst) && !lost.swap(true, Ordering::SeqCst) {
                return;
            }
            let mut buffer = vec![0; 64 << 10];
            let Ok(size) = from_server.read(&mut buffer).await else {
                return;
            };
            if to_client.write_all(&buffer[..size]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = answers => {}
        () = requests(from_client, to_server, request, &armed) => {}
    }
}

/// Passes requests on, and notes when the one in question comes by.
async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, request: &str, armed: &AtomicBool) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(size @ 1..) = from.read(&mut buffer).await {
        if buffer[..size].starts_with(request.as_bytes()) {
            armed.store(true, Ordering::SeqCst);
            if to.write_all(&buffer[..size]).await.is_err() || copy(&mut from, &mut to).await.is_err() {
                return;
            }
        } else if to.write_all(&buffer[..size]).await.is_err() {
            return;
        }
    }
}
