//! Starting the processes of a cluster.

use std::fmt::Debug;
use std::net::{Ipv4Addr, SocketAddr};

use async_trait::async_trait;
use emberkeep_runtime::free_port::free_port;

use super::process::{ChildProcess, ProcessSpec};
use crate::LabError;

/// Starts the processes of a cluster: on this machine's loopback, or in network namespaces of their own.
#[async_trait]
pub trait ProcessLauncher: Debug + Send + Sync {
    /// The listen addresses for the process of that name.
    ///
    /// # Errors
    /// If there is no free address.
    fn addresses_of(&self, name: &str) -> Result<Addresses, LabError>;

    /// Starts the process and waits until it is ready.
    ///
    /// # Errors
    /// If it does not start; the error quotes its log.
    async fn launch(&self, spec: ProcessSpec) -> Result<ChildProcess, LabError>;
}

/// The listen addresses of an assigner or a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// The listen address for gRPC.
    pub listen: SocketAddr,
    /// The listen address for metrics and health.
    pub http: SocketAddr,
}

/// Starts processes on this machine, at free ports of 127.0.0.1.
#[derive(Debug, Clone, Copy, Default)]
pub struct LoopbackLauncher;

#[async_trait]
impl ProcessLauncher for LoopbackLauncher {
    fn addresses_of(&self, _name: &str) -> Result<Addresses, LabError> {
        Ok(Addresses {
            listen: (Ipv4Addr::LOCALHOST, free_port()?).into(),
            http: (Ipv4Addr::LOCALHOST, free_port()?).into(),
        })
    }

    async fn launch(&self, spec: ProcessSpec) -> Result<ChildProcess, LabError> {
        ChildProcess::start(spec).await
    }
}
