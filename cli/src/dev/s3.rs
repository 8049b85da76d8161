//! `emberkeep dev-s3`: the S3 server of a cluster, in a process of its own.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use emberkeep_lab::cluster::start_s3_server;
use emberkeep_store::Credentials;

use crate::exit::CommandError;
use crate::{log, output, stop};

#[derive(Debug, Args)]
pub(crate) struct S3Args {
    /// The listen address of the server
    #[arg(long)]
    listen: SocketAddr,
    /// The folder of the buckets
    #[arg(long)]
    folder: PathBuf,
}

/// Serves until SIGTERM, or until standard input closes.
pub(crate) async fn run(args: S3Args) -> Result<(), CommandError> {
    log::to_stderr("info");
    stop::with_parent();
    let stop = stop::on_signal()?;
    let credentials = Credentials {
        access_key: from_env("AWS_ACCESS_KEY_ID")?,
        secret_key: from_env("AWS_SECRET_ACCESS_KEY")?,
    };
    let server = start_s3_server(args.listen, args.folder, credentials).await?;
    output::announce(&format!("S3 at http://{}", server.addr()))?;
    stop.cancelled().await;
    server.shutdown().await;
    Ok(())
}

/// Read from the environment, because the arguments of a process are visible to all users of its machine.
fn from_env(name: &str) -> Result<String, CommandError> {
    std::env::var(name).map_err(|_| CommandError::bad_input(format!("the environment variable {name} is not set")))
}
