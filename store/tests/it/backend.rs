//! Stores of each kind, removed when the test ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use emberkeep_store::embedded::{EmbeddedS3, EmbeddedS3Settings};
use emberkeep_store::{Credentials, Durability, S3Settings, Store};
use emberkeep_testkit::fault_proxy::FaultProxy;
use tempfile::TempDir;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::bucket::BUCKET;
use crate::moto;

/// An empty store that can be opened several times, as by several pods.
pub(crate) enum StoreBackend {
    Folder(TempDir),
    S3 { server: EmbeddedS3, _folder: TempDir },
    Moto { addr: SocketAddr, prefix: String },
}

impl StoreBackend {
    pub(crate) async fn folder() -> Option<Self> {
        Some(Self::Folder(TempDir::new().unwrap()))
    }

    pub(crate) async fn s3() -> Option<Self> {
        let folder = TempDir::new().unwrap();
        Some(Self::S3 {
            server: server(&folder).await,
            _folder: folder,
        })
    }

    /// A prefix on the server that all tests share, if there is one.
    pub(crate) async fn moto() -> Option<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        Some(Self::Moto {
            addr: moto::addr()?,
            prefix: format!("place/{}", COUNT.fetch_add(1, Ordering::Relaxed)),
        })
    }

    /// The turns of racing writers. moto checks a condition and writes in two steps, so two of its threads can pass the same
    /// check on a busy machine: its writers take turns. Writers of other stores do not wait for each other.
    pub(crate) fn write_turns(&self) -> WriteTurns {
        let takes_turns = matches!(self, Self::Moto { .. });
        WriteTurns(takes_turns.then(Arc::default))
    }

    /// A client that shares nothing with others but the store.
    pub(crate) async fn open(&self) -> Store {
        let settings = match self {
            Self::Folder(folder) => return Store::folder(folder.path()).await.unwrap(),
            Self::S3 { server, .. } => S3Settings {
                prefix: "some/prefix".to_owned(),
                ..server.settings(BUCKET)
            },
            Self::Moto { addr, prefix } => S3Settings {
                prefix: prefix.clone(),
                endpoint: Some(format!("http://{addr}")),
                path_style: true,
                credentials: Some(credentials("any secret")),
                ..S3Settings::bucket(BUCKET)
            },
        };
        Store::s3(settings).await.unwrap()
    }
}

/// See [`StoreBackend::write_turns`]. Clones share the turns.
#[derive(Clone)]
pub(crate) struct WriteTurns(Option<Arc<Mutex<()>>>);

impl WriteTurns {
    /// Waits until the caller may write; the turn ends with the guard.
    pub(crate) async fn next(&self) -> Option<OwnedMutexGuard<()>> {
        match &self.0 {
            Some(turns) => Some(Arc::clone(turns).lock_owned().await),
            None => None,
        }
    }
}

/// A server behind a proxy that injects faults, and a client that knows only the proxy.
pub(crate) struct ProxiedS3 {
    pub(crate) store: Store,
    pub(crate) proxy: FaultProxy,
    pub(crate) server: EmbeddedS3,
    _folder: TempDir,
}

impl ProxiedS3 {
    pub(crate) async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let server = server(&folder).await;
        let proxy = FaultProxy::start(server.addr()).await;
        Self {
            store: client_of(&proxy, &server).await,
            proxy,
            server,
            _folder: folder,
        }
    }

    /// A further client, with its own connections through the proxy.
    pub(crate) async fn open(&self) -> Store {
        client_of(&self.proxy, &self.server).await
    }
}

async fn client_of(proxy: &FaultProxy, server: &EmbeddedS3) -> Store {
    let settings = S3Settings {
        endpoint: Some(format!("http://{}", proxy.addr())),
        ..server.settings(BUCKET)
    };
    Store::s3(settings).await.unwrap()
}

/// A server with an empty bucket.
pub(crate) async fn server(folder: &TempDir) -> EmbeddedS3 {
    let settings = EmbeddedS3Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        folder: folder.path().to_owned(),
        credentials: credentials("a secret"),
        durability: Durability::Unsynced,
    };
    let server = EmbeddedS3::start(settings).await.unwrap();
    server.create_bucket(BUCKET).await.unwrap();
    server
}

pub(crate) fn credentials(secret_key: &str) -> Credentials {
    Credentials {
        access_key: "tester".to_owned(),
        secret_key: secret_key.to_owned(),
    }
}
