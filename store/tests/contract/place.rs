//! Fresh stores, gone when the test is over.

use emberkeep_store::embedded::{EmbeddedS3, EmbeddedS3Settings};
use emberkeep_store::{Credentials, Durability, S3Settings, Store};
use emberkeep_tests::fault_proxy::FaultProxy;
use tempfile::TempDir;

pub(crate) const BUCKET: &str = "state";

/// A fresh store that can be opened several times, as several pods do.
pub(crate) struct Place {
    kind: Kind,
    folder: TempDir,
}

enum Kind {
    Folder,
    S3(EmbeddedS3),
}

impl Place {
    pub(crate) async fn folder() -> Self {
        Self {
            kind: Kind::Folder,
            folder: TempDir::new().unwrap(),
        }
    }

    pub(crate) async fn s3() -> Self {
        let folder = TempDir::new().unwrap();
        Self {
            kind: Kind::S3(server(&folder).await),
            folder,
        }
    }

    /// A client of its own, sharing nothing with others but the place.
    pub(crate) async fn open(&self) -> Store {
        match &self.kind {
            Kind::Folder => Store::folder(self.folder.path()).await.unwrap(),
            Kind::S3(server) => Store::s3(S3Settings {
                prefix: "some/prefix".to_owned(),
                ..server.settings(BUCKET)
            })
            .await
            .unwrap(),
        }
    }
}

/// A server behind a proxy that injects faults, and a client that knows only the proxy.
pub(crate) struct Shaken {
    pub(crate) store: Store,
    pub(crate) proxy: FaultProxy,
    pub(crate) server: EmbeddedS3,
    _folder: TempDir,
}

impl Shaken {
    pub(crate) async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let server = server(&folder).await;
        let proxy = FaultProxy::start(server.addr()).await;
        Self {
            store: behind(&proxy, &server).await,
            proxy,
            server,
            _folder: folder,
        }
    }

    /// One more client.
    pub(crate) async fn open(&self) -> Store {
        behind(&self.proxy, &self.server).await
    }
}

async fn behind(proxy: &FaultProxy, server: &EmbeddedS3) -> Store {
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
