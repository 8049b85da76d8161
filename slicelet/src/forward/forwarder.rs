//! The forwarder: what becomes of a request that the service has answered.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use emberkeep_core::pod::Pod;
use emberkeep_proto::convert::{NotOwner, is_refusal};
use emberkeep_runtime::call_failure::CallFailure;
use emberkeep_runtime::grpc_timeout;
use thiserror::Error;
use tokio::time::{Instant, timeout};
use tonic::Status;
use tonic::body::Body;
use tower::{Service, ServiceExt};

use super::kept_request::{KeptRequest, NotKept};
use super::peers::Peers;
use crate::metrics::{ForwardMetrics, ForwardOutcome};
use crate::published::Published;

type Answer = http::Response<Body>;

/// Sends requests on that the pod's services have refused because another pod owns the key.
#[derive(Debug)]
pub(crate) struct Forwarder {
    published: Arc<Published>,
    peers: Peers,
    metrics: ForwardMetrics,
}

/// How often one request is sent on at most: the second time is for a move between two pods' looks at the assignment.
const HOPS_MAX: u8 = 2;

/// How long a request may take that carries no deadline, until the owner begins to answer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Why there is no answer of the owner.
#[derive(Debug, Error)]
enum Hindrance {
    #[error("it is not forwarded: {0}")]
    NotKept(#[from] NotKept),
    #[error("it is not forwarded, because that has been done {HOPS_MAX} times")]
    Circling,
    #[error("it was not forwarded, because the owner cannot be reached: {0}")]
    Unreachable(String),
    #[error("the connection to pod {pod} broke, the forwarded request may have been processed: {reason}")]
    Broken { pod: String, reason: String },
    #[error("pod {pod} did not answer the forwarded request within its deadline")]
    TimedOut { pod: String },
}

impl Forwarder {
    pub(crate) fn new(published: Arc<Published>, metrics: ForwardMetrics) -> Self {
        Self {
            published,
            peers: Peers::default(),
            metrics,
        }
    }

    /// Whether the target's settings say that requests are sent on.
    pub(super) fn is_on(&self) -> bool {
        self.published.forwards_misroutes()
    }

    /// What the caller gets: the service's answer, or that of the owner whom the service names.
    pub(super) async fn settle(&self, request: KeptRequest, answer: Answer, arrived_at: Instant) -> Answer {
        let not_owner = NotOwner::from_headers(answer.headers()).filter(|_| is_refusal(answer.headers()));
        let body = request.take_body();
        let Some(not_owner) = not_owner else { return answer };
        let Some(owner) = &not_owner.owner else { return answer };
        let forwarded = self.forward(&request, body, owner, arrived_at).await;
        self.metrics.ended(outcome_of(&forwarded));
        match forwarded {
            Ok(forwarded) => owners_answer(forwarded, &not_owner, answer),
            Err(hindrance) => hindrance.into_answer(&answer),
        }
    }

    async fn forward(
        &self,
        request: &KeptRequest,
        body: Result<Bytes, NotKept>,
        owner: &Pod,
        arrived_at: Instant,
    ) -> Result<Answer, Hindrance> {
        let hop_count = request.hop_count().filter(|hops| *hops < HOPS_MAX);
        let hop_count = hop_count.ok_or(Hindrance::Circling)? + 1;
        let carried = grpc_timeout::of_headers(request.headers()).unwrap_or(TIMEOUT);
        let remaining = carried.saturating_sub(arrived_at.elapsed());
        let request = request.sent_on(body?, hop_count, grpc_timeout::header_of(remaining));
        let timed_out = || Hindrance::TimedOut {
            pod: owner.name.to_string(),
        };
        match timeout(remaining, self.send(request, owner)).await {
            Ok(Ok(answer)) => Ok(answer),
            Err(_) | Ok(Err(CallFailure::TimedOut)) => Err(timed_out()),
            Ok(Err(CallFailure::NotSent(reason))) => Err(Hindrance::Unreachable(reason)),
            Ok(Err(CallFailure::Broken(reason))) => Err(Hindrance::Broken {
                pod: owner.name.to_string(),
                reason,
            }),
        }
    }

    async fn send(&self, request: http::Request<Body>, owner: &Pod) -> Result<Answer, CallFailure> {
        let channel = self.peers.channel_to(&owner.address);
        let mut channel = channel.map_err(|bad| CallFailure::NotSent(bad.to_string()))?;
        let channel = channel.ready().await;
        let channel = channel.map_err(|error| CallFailure::NotSent(CallFailure::reason(&error)))?;
        channel.call(request).await.map_err(|error| CallFailure::of(&error))
    }
}

/// The owner's answer, with a note of who gave it; of two refusals, the newer one.
fn owners_answer(mut forwarded: Answer, not_owner: &NotOwner, refusal: Answer) -> Answer {
    if !is_refusal(forwarded.headers()) {
        not_owner.insert_into(forwarded.headers_mut());
        return forwarded;
    }
    match NotOwner::from_headers(forwarded.headers()) {
        Some(theirs) if theirs.generation < not_owner.generation => refusal,
        Some(_) | None => forwarded,
    }
}

fn outcome_of(forwarded: &Result<Answer, Hindrance>) -> ForwardOutcome {
    match forwarded {
        Ok(answer) if is_refusal(answer.headers()) && NotOwner::from_headers(answer.headers()).is_some() => {
            ForwardOutcome::NotOwner
        }
        Ok(_) => ForwardOutcome::Answered,
        Err(Hindrance::NotKept(NotKept::TooLarge)) => ForwardOutcome::TooLarge,
        Err(Hindrance::NotKept(NotKept::Streaming)) => ForwardOutcome::Streaming,
        Err(Hindrance::Circling) => ForwardOutcome::Circling,
        Err(Hindrance::Unreachable(_)) => ForwardOutcome::Unreachable,
        Err(Hindrance::Broken { .. }) => ForwardOutcome::Broken,
        Err(Hindrance::TimedOut { .. }) => ForwardOutcome::TimedOut,
    }
}

impl Hindrance {
    /// The refusal with this as a reason, as long as nothing was done; else a status of its own.
    fn into_answer(self, refusal: &Answer) -> Answer {
        let reason = self.to_string();
        match self {
            Self::NotKept(_) | Self::Circling | Self::Unreachable(_) => with_reason(refusal, &reason),
            Self::Broken { .. } => Status::unavailable(reason).into_http(),
            Self::TimedOut { .. } => Status::deadline_exceeded(reason).into_http(),
        }
    }
}

fn with_reason(refusal: &Answer, reason: &str) -> Answer {
    // A refusal is an answer that has a status in its headers.
    let status = Status::from_header_map(refusal.headers()).unwrap_or_else(|| Status::unavailable(""));
    let sentence = format!("{}; {reason}", status.message());
    Status::with_metadata(status.code(), sentence, status.metadata().clone()).into_http()
}
