//! The S3 server of a cluster, in a process of its own.

use std::net::SocketAddr;
use std::path::PathBuf;

use emberkeep_store::embedded::{EmbeddedS3, EmbeddedS3Settings};
use emberkeep_store::{Credentials, Durability};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::LabError;

/// The bucket of the cluster's objects.
pub const BUCKET: &str = "emberkeep";

/// Starts the server of `emberkeep dev-s3` with its bucket.
pub fn start_s3_server(
    listen: SocketAddr,
    folder: PathBuf,
    credentials: Credentials,
) -> BoxFuture<'static, Result<EmbeddedS3, LabError>> {
    async move {
        let settings = EmbeddedS3Settings {
            listen,
            folder,
            credentials,
            // The objects can be derived again, so they need not survive power loss.
            durability: Durability::Unsynced,
        };
        let server = EmbeddedS3::start(settings).await?;
        server.create_bucket(BUCKET).await?;
        Ok(server)
    }
    .boxed()
}
