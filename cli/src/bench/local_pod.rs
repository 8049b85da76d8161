//! A pod inside this process: a slicelet that owns everything, and the server by which others learn that it is there.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use emberkeep_runtime::serve::{bind, incoming, server_builder};
use emberkeep_slicelet::{Builder, Codec, Slicelet, SliceletError};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::dev::free_port;
use crate::exit::Failure;

/// How long the pod may take to own everything.
const OWN_TIMEOUT: Duration = Duration::from_secs(60);
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// Its server ends with it.
pub(super) struct LocalPod<C: Codec> {
    pub(super) slicelet: Slicelet<C>,
    /// How long the slicelet took to start, its disk tier's index with it.
    pub(super) started_in: Duration,
    server: JoinHandle<Result<(), tonic::transport::Error>>,
}

impl<C: Codec> LocalPod<C> {
    /// Starts the slicelet. It must be the only one of its target.
    pub(super) async fn start(builder: Builder<C>) -> Result<Self, Failure> {
        let listen: SocketAddr = (Ipv4Addr::LOCALHOST, free_port()?).into();
        let listener = bind(listen).await.map_err(Failure::failed)?;
        let began = Instant::now();
        // Alone, it could move its slices nowhere.
        let builder = builder.advertise(listen.to_string()).drain_on_sigterm(false);
        let slicelet = builder.start().await.map_err(failure_of)?;
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

    /// Waits until the pod owns this key, which is when it owns all.
    pub(super) async fn owns(&self, key: &str) -> Result<(), Failure> {
        let deadline = Instant::now() + OWN_TIMEOUT;
        while self.slicelet.own(key).is_err() {
            if Instant::now() > deadline {
                return Err(Failure::failed(format!(
                    "the pod did not own all keys within {OWN_TIMEOUT:?}"
                )));
            }
            sleep(LOOK_INTERVAL).await;
        }
        Ok(())
    }

    /// Ends the pod in order.
    pub(super) async fn end(self) {
        self.slicelet.shutdown().await;
        self.server.abort();
    }
}

pub(super) fn failure_of(error: SliceletError) -> Failure {
    match error {
        SliceletError::Signal(_) => Failure::failed(error),
        _ => Failure::bad_input(error),
    }
}
