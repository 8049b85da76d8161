//! An S3 server inside the process, for `emberkeep dev` and for tests: the real protocol, with signatures, over local folders.
//!
//! Each bucket is a [`Folder`](crate::Folder), so that conditional writes are as atomic here as they are there. Left out is what
//! Emberkeep does not use: ranges, delimiters, versions, access rules, and all metadata but its own.

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

/// Where the server listens, what it serves, and to whom.
#[derive(Clone, Debug)]
pub struct EmbeddedS3Settings {
    /// The address to listen on; port 0 for any that is free.
    pub listen: SocketAddr,
    /// The folder of the buckets, created if missing, and served by one server at a time.
    pub folder: PathBuf,
    /// What requests must be signed with.
    pub credentials: Credentials,
    /// What an acknowledged write survives.
    pub durability: Durability,
}

/// A running server; it stops when this is dropped, or in an orderly way by [`EmbeddedS3::shutdown`].
#[derive(Debug)]
pub struct EmbeddedS3 {
    addr: SocketAddr,
    credentials: Credentials,
    buckets: Arc<Buckets>,
    stop: DropGuard,
    listener: JoinHandle<()>,
}

impl EmbeddedS3 {
    /// Starts a server; it accepts requests when this returns.
    pub async fn start(settings: EmbeddedS3Settings) -> Result<Self, StoreError> {
        Self::serving(settings, None).await
    }

    /// Starts a server that can do only so much.
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

    /// The address the server listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Creates a bucket, unless it exists.
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
