//! A pod of a cluster as seen from outside: its process, its addresses, its proxy and its fault.

use std::net::SocketAddr;

use tokio::time::Instant;

use super::launcher::ProcessLauncher;
use super::process::{ChildProcess, ProcessSpec, Signal};
use super::tcp_proxy::{TcpProxy, Upstream};
use crate::LabError;

/// One pod of the demo service.
#[derive(Debug)]
pub struct PodProcess {
    /// The process, for signals and its process id.
    pub process: ChildProcess,
    /// The address for clients: the pod's own, or that of its proxy.
    pub address: SocketAddr,
    /// The address of metrics and health, if the pod serves them.
    pub http: SocketAddr,
    /// The proxy for all its traffic, if the pod can be partitioned.
    proxy: Option<TcpProxy>,
    fault: Option<PodFault>,
}

/// The settings for starting a pod.
#[derive(Debug)]
pub(super) struct PodSpec {
    /// The process, without the addresses of the pod and the assigner.
    pub(super) process: ProcessSpec,
    /// The URLs of the assigner.
    pub(super) assigners: Vec<String>,
    /// Whether the pod serves metrics and health.
    pub(super) serves_http: bool,
    /// If set, clients reach the pod through a proxy, and the pod reaches the assigner through another proxy to this
    /// upstream.
    pub(super) proxy_to: Option<Upstream>,
}

/// A fault of a pod, until it is healed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodFault {
    /// Halted with SIGSTOP, until SIGCONT.
    Halted,
    /// Partitioned: its connections stay open, and no bytes pass.
    Partitioned,
}

/// A pod that got SIGTERM and drains.
#[derive(Debug)]
pub(super) struct DrainingPod {
    pub(super) process: ChildProcess,
    /// Kept open for the pod's last answers.
    _proxy: Option<TcpProxy>,
    deadline: Instant,
}

impl PodProcess {
    pub(super) async fn start(spec: PodSpec, launcher: &dyn ProcessLauncher) -> Result<Self, LabError> {
        let PodSpec {
            process: mut spec,
            mut assigners,
            serves_http,
            proxy_to,
        } = spec;
        let addresses = launcher.addresses_of(&spec.name)?;
        let (listen, http) = (addresses.listen, addresses.http);
        let (mut address, mut proxy) = (listen, None);
        if let Some(upstream) = proxy_to {
            let new = TcpProxy::new();
            address = new.listen(Upstream::Address(listen)).await?;
            assigners = vec![format!("http://{}", new.listen(upstream).await?)];
            proxy = Some(new);
        }
        spec.args
            .extend([format!("--listen={listen}"), format!("--advertise={address}")]);
        spec.args.extend(serves_http.then(|| format!("--http={http}")));
        spec.args
            .extend(assigners.iter().map(|url| format!("--assigner={url}")));
        Ok(Self {
            process: launcher.launch(spec).await?,
            address,
            http,
            proxy,
            fault: None,
        })
    }

    /// The name under which the pod registers.
    pub fn name(&self) -> &str {
        self.process.name()
    }

    pub(super) const fn has_fault(&self) -> bool {
        self.fault.is_some()
    }

    pub(super) async fn inject(&mut self, fault: PodFault) -> Result<(), LabError> {
        self.fault = Some(fault);
        match fault {
            // ## no fault -> Halted: SIGSTOP
            PodFault::Halted => self.process.signal(Signal::Stop).await,
            // ## no fault -> Partitioned: the proxy passes nothing
            PodFault::Partitioned => {
                self.proxy.iter().for_each(TcpProxy::cut);
                Ok(())
            }
        }
    }

    pub(super) async fn heal(&mut self) -> Result<(), LabError> {
        match self.fault.take() {
            // ## Halted -> no fault: SIGCONT
            Some(PodFault::Halted) => self.process.signal(Signal::Continue).await,
            // ## Partitioned -> no fault: the proxy passes everything again
            Some(PodFault::Partitioned) => {
                self.proxy.iter().for_each(TcpProxy::reconnect);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Sends SIGTERM; the pod must end by the deadline.
    pub(super) async fn drain(self, deadline: Instant) -> Result<DrainingPod, LabError> {
        self.process.signal(Signal::Terminate).await?;
        Ok(DrainingPod {
            process: self.process,
            _proxy: self.proxy,
            deadline,
        })
    }

    /// Ends the process, then the proxy.
    pub(crate) async fn end(self) {
        self.process.end().await;
        if let Some(proxy) = self.proxy {
            proxy.end().await;
        }
    }
}

impl DrainingPod {
    /// The failure, if the pod ended with an error or has not ended in time.
    pub(super) fn failure(&mut self) -> Option<LabError> {
        if let Some(failure) = self.process.unexpected_end() {
            return Some(failure);
        }
        let is_late = Instant::now() > self.deadline;
        is_late.then(|| self.process.failure("drains and has not ended in time"))
    }
}
