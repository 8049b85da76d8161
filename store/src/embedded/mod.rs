//! An in-process S3 server for `emberkeep dev` and tests: the S3 protocol with signatures over local folders.
//!
//! Each bucket is a [`Folder`](crate::Folder), so conditional writes are as atomic as in one. Not supported, because Emberkeep
//! does not use them: ranges, delimiters, versions, access rules, and metadata other than its own.

mod buckets;
mod capacity;
mod condition;
mod fault;
mod folder_service;
mod listener;
mod uploads;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::buckets::Buckets;
pub use self::capacity::{Capacity, CapacitySettings};
use self::folder_service::FolderService;
use self::uploads::Uploads;
use crate::{Credentials, Durability, S3Settings, Store, StoreError};

/// The settings of an embedded server.
#[derive(Clone, Debug)]
pub struct EmbeddedS3Settings {
    /// The listen address; port 0 for any free port.
    pub listen: SocketAddr,
    /// The folder of the buckets, created if missing; one server at a time may use it.
    pub folder: PathBuf,
    /// The key pair that requests must be signed with.
    pub credentials: Credentials,
    /// The failures that an acknowledged write survives.
    pub durability: Durability,
}

/// A running server. It stops on drop, gracefully by [`EmbeddedS3::shutdown`].
#[derive(Debug)]
pub struct EmbeddedS3 {
    addr: SocketAddr,
    credentials: Credentials,
    buckets: Arc<Buckets>,
    stop: DropGuard,
    listener: JoinHandle<()>,
}

impl EmbeddedS3 {
    /// Starts a server that accepts requests on return.
    pub async fn start(settings: EmbeddedS3Settings) -> Result<Self, StoreError> {
        Self::serving(settings, None).await
    }

    /// Starts a server with limited read capacity.
    pub async fn start_limited(settings: EmbeddedS3Settings, capacity: Arc<Capacity>) -> Result<Self, StoreError> {
        Self::serving(settings, Some(capacity)).await
    }

    async fn serving(settings: EmbeddedS3Settings, capacity: Option<Arc<Capacity>>) -> Result<Self, StoreError> {
        let EmbeddedS3Settings {
            listen,
            folder,
            credentials,
            durability,
        } = settings;
        let cannot_listen = |source| StoreError::CannotListen { listen, source };
        let socket = TcpListener::bind(listen).await.map_err(cannot_listen)?;
        let addr = socket.local_addr().map_err(cannot_listen)?;

        let uploads = Uploads::open(&folder, durability).await?;
        let buckets = Arc::new(Buckets::new(folder, durability));
        let mut service = S3ServiceBuilder::new(FolderService::new(Arc::clone(&buckets), uploads, capacity));
        service.set_auth(SimpleAuth::from_single(
            &credentials.access_key,
            credentials.secret_key.as_str(),
        ));

        let stop = CancellationToken::new();
        let listener = tokio::spawn(listener::serve(socket, service.build(), stop.clone()));
        Ok(Self {
            addr,
            credentials,
            buckets,
            stop: stop.drop_guard(),
            listener,
        })
    }

    /// The bound address, with the actual port.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Creates a bucket if it does not exist.
    pub async fn create_bucket(&self, bucket: &str) -> Result<(), StoreError> {
        self.settings(bucket).check()?;
        self.buckets.create(bucket).await.map(drop)
    }

    /// The URL of a bucket for [`Store::from_url`], which takes the credentials from the environment.
    pub fn url(&self, bucket: &str) -> String {
        format!(
            "s3://{bucket}?endpoint=http://{}&path_style=true&region=us-east-1",
            self.addr
        )
    }

    /// The settings of a bucket, credentials included.
    pub fn settings(&self, bucket: &str) -> S3Settings {
        S3Settings {
            endpoint: Some(format!("http://{}", self.addr)),
            region: Some("us-east-1".to_owned()),
            path_style: true,
            credentials: Some(self.credentials.clone()),
            ..S3Settings::bucket(bucket)
        }
    }

    /// A client of a bucket.
    pub async fn store(&self, bucket: &str) -> Result<Store, StoreError> {
        Store::s3(self.settings(bucket)).await
    }

    /// Stops accepting, gives requests under way a few seconds to end, and returns when all have.
    pub async fn shutdown(self) {
        drop(self.stop);
        if let Err(failure) = self.listener.await {
            tracing::error!(%failure, "the embedded S3 server had failed");
        }
    }
}
