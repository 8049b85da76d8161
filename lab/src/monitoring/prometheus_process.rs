//! A Prometheus server beside a run.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;

use emberkeep_runtime::free_port::free_port;
use tokio::process::{Child, Command};

use super::scrape_config::ScrapeConfig;
use crate::LabError;

/// The program, found by the search path.
const PROGRAM: &str = "prometheus";

/// A running Prometheus server; dropping it kills the process.
#[derive(Debug)]
pub(super) struct PrometheusProcess {
    address: SocketAddr,
    _child: Child,
}

impl PrometheusProcess {
    /// Starts `prometheus` with this configuration at a free port of 127.0.0.1, with its data and log in `folder`; `None`
    /// if it is not installed.
    ///
    /// # Errors
    /// If it is installed and cannot be started.
    pub(super) fn start(config: &ScrapeConfig, folder: &Path) -> Result<Option<Self>, LabError> {
        let port = free_port().map_err(LabError::failed)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let log = File::create(folder.join("prometheus.log")).map_err(LabError::failed)?;
        let started = Command::new(PROGRAM)
            .arg(format!("--config.file={}", config.file().display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("prometheus").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn();
        match started {
            Ok(child) => Ok(Some(Self { address, _child: child })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LabError::failed(format!("cannot start {PROGRAM}: {error}"))),
        }
    }

    /// The address of its page and its API.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }
}
