//! `emberkeep dev-s3`: the S3 server of a dev cluster, in a process of its own.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use emberkeep_store::embedded::{EmbeddedS3, EmbeddedS3Settings};
use emberkeep_store::{Credentials, Durability};

use super::storage::failure_of;
use crate::exit::Failure;
use crate::{log, ready, stop};

/// The bucket of the demo's objects.
pub(crate) const BUCKET: &str = "emberkeep";

#[derive(Debug, Args)]
pub(crate) struct S3Args {
    /// Where to listen
    #[arg(long)]
    listen: SocketAddr,
    /// Where the buckets are
    #[arg(long)]
    folder: PathBuf,
}

/// Serves until standard input ends.
pub(crate) async fn run(args: S3Args) -> Result<(), Failure> {
    log::to_stderr("info");
    stop::with_parent();
    let stop = stop::on_signal()?;
    let server = EmbeddedS3::start(EmbeddedS3Settings {
        listen: args.listen,
        folder: args.folder,
        credentials: Credentials {
            access_key: from_env("AWS_ACCESS_KEY_ID")?,
            secret_key: from_env("AWS_SECRET_ACCESS_KEY")?,
        },
        // The demo's objects can be derived again, so they need not survive the machine.
        durability: Durability::Unsynced,
    })
    .await
    .map_err(failure_of)?;
    server.create_bucket(BUCKET).await.map_err(failure_of)?;
    ready::announce(&format!("S3 at http://{}", server.addr()))?;
    stop.cancelled().await;
    server.shutdown().await;
    Ok(())
}

/// The environment, because anybody may see the arguments of a process.
fn from_env(name: &str) -> Result<String, Failure> {
    std::env::var(name).map_err(|_| Failure::bad_input(format!("the environment variable {name} is not set")))
}
