//! Probes: check whether the process at a suspect pod's address is alive.

use std::error::Error;
use std::io;
use std::time::Duration;

use emberkeep_core::assigner::ProbeOutcome;
use emberkeep_core::pod::PodAddress;
use emberkeep_runtime::channel::{ChannelSettings, channel_to};
use tokio::time::timeout;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

/// Calls a method that no pod implements. Any answer of the server, even `UNIMPLEMENTED`, proves that its process runs.
/// An accepted connection does not: the kernel accepts for a stopped process, too.
pub(crate) async fn probe(address: &PodAddress, deadline: Duration) -> ProbeOutcome {
    match timeout(deadline, call(address)).await {
        Ok(Ok(())) => ProbeOutcome::Answered,
        Ok(Err(status)) => outcome_of(&status),
        Err(_) => ProbeOutcome::Silent,
    }
}

async fn call(address: &PodAddress) -> Result<(), Status> {
    let channel = channel_to(address.as_str(), &ChannelSettings::default());
    let mut client = Grpc::new(channel.map_err(|error| Status::unavailable(error.to_string()))?);
    client.ready().await.map_err(|error| Status::from_error(error.into()))?;
    let path = PathAndQuery::from_static("/emberkeep.v1.Probe/Probe");
    let codec = ProstCodec::<(), ()>::default();
    client.unary(Request::new(()), path, codec).await.map(|_| ())
}

/// A status made by the transport has a source, one sent by the server has none.
fn outcome_of(status: &Status) -> ProbeOutcome {
    let Some(source) = status.source() else {
        return ProbeOutcome::Answered;
    };
    let is_refused = |error: &(dyn Error + 'static)| {
        let error = error.downcast_ref::<io::Error>();
        error.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    };
    let mut causes = std::iter::successors(Some(source), |error| (*error).source());
    match causes.any(is_refused) {
        true => ProbeOutcome::Refused,
        false if status.code() == Code::Unimplemented => ProbeOutcome::Answered,
        false => ProbeOutcome::Silent,
    }
}

#[cfg(test)]
mod tests {
    use emberkeep_runtime::serve::{bind, incoming, server_builder};
    use emberkeep_testkit::address::RefusingAddress;
    use emberkeep_testkit::deadline::DEADLINE;

    use super::*;

    async fn listener() -> (tokio::net::TcpListener, PodAddress) {
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = PodAddress::try_new(&listener.local_addr().unwrap().to_string()).unwrap();
        (listener, address)
    }

    #[tokio::test]
    async fn a_server_answers_without_the_probe_service() {
        let (listener, address) = listener().await;
        let server = server_builder().add_routes(tonic::service::Routes::default());
        let served = tokio::spawn(server.serve_with_incoming(incoming(listener)));
        assert_eq!(probe(&address, DEADLINE).await, ProbeOutcome::Answered);
        served.abort();
    }

    #[tokio::test]
    async fn a_closed_port_refuses_the_probe() {
        let refusing = RefusingAddress::bind();
        let address = PodAddress::try_new(&refusing.address().to_string()).unwrap();
        assert_eq!(probe(&address, DEADLINE).await, ProbeOutcome::Refused);
    }

    #[tokio::test]
    async fn a_process_that_accepts_connections_without_answering_is_silent() {
        let (_listener, address) = listener().await;
        assert_eq!(probe(&address, Duration::from_millis(200)).await, ProbeOutcome::Silent);
    }
}
