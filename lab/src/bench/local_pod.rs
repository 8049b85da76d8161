//! A pod inside this process: a slicelet that owns all slices, and the server by which the assigner probes it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use emberkeep_runtime::free_port::free_port;
use emberkeep_runtime::serve::{bind, incoming, server_builder};
use emberkeep_slicelet::{Builder, Codec, Slicelet};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::{DEADLINE, LabError};

const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The only pod of its target.
pub(super) struct LocalPod<C: Codec> {
    pub(super) slicelet: Slicelet<C>,
    /// The start time of the slicelet, including the index of its disk tier.
    pub(super) started_in: Duration,
    server: JoinHandle<Result<(), tonic::transport::Error>>,
}

impl<C: Codec> LocalPod<C> {
    /// Starts the slicelet and its server.
    pub(super) async fn start(builder: Builder<C>) -> Result<Self, LabError> {
        let listen: SocketAddr = (Ipv4Addr::LOCALHOST, free_port()?).into();
        let listener = bind(listen).await.map_err(LabError::failed)?;
        let began = Instant::now();
        // A drain would wait for successors, of which there are none.
        let builder = builder.advertise(listen.to_string()).drain_on_sigterm(false);
        let slicelet = builder.start().await?;
        let started_in = began.elapsed();
        let served = server_builder()
            .add_routes(slicelet.routes())
            .serve_with_incoming_shutdown(incoming(listener), slicelet.drained());
        Ok(Self {
            slicelet,
            started_in,
            server: tokio::spawn(served),
        })
    }

    /// Waits until the pod owns this key; it then owns all keys.
    pub(super) async fn owned(&self, key: &str) -> Result<(), LabError> {
        let deadline = Instant::now() + DEADLINE;
        while self.slicelet.own(key).is_err() {
            if Instant::now() > deadline {
                return Err(LabError::failed(format!(
                    "the pod did not own all keys within {DEADLINE:?}"
                )));
            }
            sleep(POLL_INTERVAL).await;
        }
        Ok(())
    }

    /// Shuts the pod down.
    pub(super) async fn end(self) {
        self.slicelet.shutdown().await;
        self.server.abort();
    }
}
