//! The forwarder: sends requests rejected with `NotOwner` to the owner.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use emberkeep_core::pod::Pod;
use emberkeep_proto::convert::{NotOwner, is_refusal};
use emberkeep_runtime::call_failure::CallFailure;
use emberkeep_runtime::{grpc_timeout, trace_context};
use thiserror::Error;
use tokio::time::{Instant, timeout};
use tonic::Status;
use tonic::body::Body;
use tower::{Service, ServiceExt};
use tracing::Span;

use super::buffered_request::{BufferedRequest, NotBuffered};
use super::peer_channels::PeerChannels;
use crate::metrics::{ForwardMetrics, ForwardOutcome};
use crate::published_state::PublishedState;

type GrpcResponse = http::Response<Body>;

/// Forwards requests that the pod's services have rejected because another pod owns the key.
#[derive(Debug)]
pub(crate) struct Forwarder {
    published: Arc<PublishedState>,
    peers: PeerChannels,
    metrics: ForwardMetrics,
}

/// Forwards of one request at most: the second one covers a slice that moved between the two pods' assignments.
const HOPS_MAX: u8 = 2;

/// The wait for the owner's response headers, for requests without a deadline.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A failure to get a response from the owner.
#[derive(Debug, Error)]
enum ForwardError {
    #[error("not forwarded: {0}")]
    NotBuffered(#[from] NotBuffered),
    #[error("not forwarded: it has been forwarded {HOPS_MAX} times already")]
    HopLimit,
    #[error("not forwarded: the owner is unreachable: {0}")]
    Unreachable(String),
    #[error("the connection to pod {pod} broke, the forwarded request may have been processed: {reason}")]
    Broken { pod: String, reason: String },
    #[error("pod {pod} did not answer the forwarded request within its deadline")]
    TimedOut { pod: String },
}

impl Forwarder {
    pub(crate) fn new(published: Arc<PublishedState>, metrics: ForwardMetrics) -> Self {
        Self {
            published,
            peers: PeerChannels::default(),
            metrics,
        }
    }

    /// Whether the target's setting `misroute` is `forward`.
    pub(super) fn is_on(&self) -> bool {
        self.published.forwards_misroutes()
    }

    /// The response to the caller: the service's own, or the owner's if the service rejected the request with `NotOwner`.
    pub(super) async fn respond(
        &self,
        request: BufferedRequest,
        answer: GrpcResponse,
        arrived_at: Instant,
    ) -> GrpcResponse {
        let not_owner = NotOwner::from_headers(answer.headers()).filter(|_| is_refusal(answer.headers()));
        let body = request.take_body();
        let Some(not_owner) = not_owner else { return answer };
        let Some(owner) = &not_owner.owner else { return answer };
        let forwarded = self.forward(&request, body, owner, arrived_at).await;
        self.metrics.record(outcome_of(&forwarded));
        match forwarded {
            Ok(forwarded) => owners_answer(forwarded, &not_owner, answer),
            Err(error) => error.into_answer(&answer),
        }
    }

    async fn forward(
        &self,
        request: &BufferedRequest,
        body: Result<Bytes, NotBuffered>,
        owner: &Pod,
        arrived_at: Instant,
    ) -> Result<GrpcResponse, ForwardError> {
        let hop_count = request.hop_count().filter(|hops| *hops < HOPS_MAX);
        let hop_count = hop_count.ok_or(ForwardError::HopLimit)? + 1;
        let carried = grpc_timeout::of_headers(request.headers()).unwrap_or(TIMEOUT);
        let remaining = carried.saturating_sub(arrived_at.elapsed());
        let mut request = request.to_forward(body?, hop_count, grpc_timeout::header_of(remaining));
        trace_context::inject(&Span::current(), request.headers_mut());
        let timed_out = || ForwardError::TimedOut {
            pod: owner.name.to_string(),
        };
        match timeout(remaining, self.send(request, owner)).await {
            Ok(Ok(answer)) => Ok(answer),
            Err(_) | Ok(Err(CallFailure::TimedOut)) => Err(timed_out()),
            Ok(Err(CallFailure::NotSent(reason))) => Err(ForwardError::Unreachable(reason)),
            Ok(Err(CallFailure::Broken(reason))) => Err(ForwardError::Broken {
                pod: owner.name.to_string(),
                reason,
            }),
        }
    }

    async fn send(&self, request: http::Request<Body>, owner: &Pod) -> Result<GrpcResponse, CallFailure> {
        let channel = self.peers.channel_to(&owner.address);
        let mut channel = channel.map_err(|bad| CallFailure::NotSent(bad.to_string()))?;
        let channel = channel.ready().await;
        let channel = channel.map_err(|error| CallFailure::NotSent(CallFailure::reason(&error)))?;
        channel.call(request).await.map_err(|error| CallFailure::of(&error))
    }
}

/// The owner's response, with the owner noted in its headers; of two rejections, the one of the newer generation.
fn owners_answer(mut forwarded: GrpcResponse, not_owner: &NotOwner, refusal: GrpcResponse) -> GrpcResponse {
    if !is_refusal(forwarded.headers()) {
        not_owner.insert_into(forwarded.headers_mut());
        return forwarded;
    }
    match NotOwner::from_headers(forwarded.headers()) {
        Some(theirs) if theirs.generation < not_owner.generation => refusal,
        Some(_) | None => forwarded,
    }
}

fn outcome_of(forwarded: &Result<GrpcResponse, ForwardError>) -> ForwardOutcome {
    match forwarded {
        Ok(answer) if is_refusal(answer.headers()) && NotOwner::from_headers(answer.headers()).is_some() => {
            ForwardOutcome::NotOwner
        }
        Ok(_) => ForwardOutcome::Answered,
        Err(ForwardError::NotBuffered(NotBuffered::TooLarge)) => ForwardOutcome::TooLarge,
        Err(ForwardError::NotBuffered(NotBuffered::Streaming)) => ForwardOutcome::Streaming,
        Err(ForwardError::HopLimit) => ForwardOutcome::HopLimit,
        Err(ForwardError::Unreachable(_)) => ForwardOutcome::Unreachable,
        Err(ForwardError::Broken { .. }) => ForwardOutcome::Broken,
        Err(ForwardError::TimedOut { .. }) => ForwardOutcome::TimedOut,
    }
}

impl ForwardError {
    /// The service's rejection with this reason appended, if nothing can have been processed; else a status of its own.
    fn into_answer(self, refusal: &GrpcResponse) -> GrpcResponse {
        let reason = self.to_string();
        match self {
            Self::NotBuffered(_) | Self::HopLimit | Self::Unreachable(_) => with_reason(refusal, &reason),
            Self::Broken { .. } => Status::unavailable(reason).into_http(),
            Self::TimedOut { .. } => Status::deadline_exceeded(reason).into_http(),
        }
    }
}

fn with_reason(refusal: &GrpcResponse, reason: &str) -> GrpcResponse {
    // A rejection carries its status in the headers.
    let status = Status::from_header_map(refusal.headers()).unwrap_or_else(|| Status::unavailable(""));
    let sentence = format!("{}; {reason}", status.message());
    Status::with_metadata(status.code(), sentence, status.metadata().clone()).into_http()
}
