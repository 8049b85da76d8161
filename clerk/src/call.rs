//! One call: from the first attempt to the answer, with its retries.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_proto::convert::NotOwner;
use emberkeep_runtime::call_failure::CallFailure;
use emberkeep_runtime::grpc_timeout;
use tonic::body::Body;

use crate::ClerkError;
use crate::attempt_outcome::AttemptOutcome;
use crate::call_trace::in_attempt;
use crate::clerk_state::ClerkState;
use crate::failure_kind::FailureKind;
use crate::outgoing_request::OutgoingRequest;
use crate::peer::Peer;
use crate::retry_wait::{RetryWait, WaitError};

/// The caller's options for a request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CallOptions {
    pub(crate) is_idempotent: bool,
    pub(crate) is_streaming: bool,
    pub(crate) deadline: Option<Duration>,
}

/// Routes one request to the owner of its key.
pub(crate) struct Call {
    pub(crate) clerk: Arc<ClerkState>,
    pub(crate) key: Arc<[u8]>,
    pub(crate) options: CallOptions,
    /// Whether each attempt has a span.
    pub(crate) is_traced: bool,
}

type CallResult = Result<http::Response<Body>, ClerkError>;

impl Call {
    /// Sends the request until a pod accepts it or its deadline has passed.
    pub(crate) async fn run(&self, request: &mut OutgoingRequest) -> CallResult {
        let metrics = &self.clerk.metrics;
        metrics.requests.inc();
        let timer = metrics.request_seconds.start_timer();
        let deadline = self.deadline_of(request);
        let in_time = tokio::time::timeout(deadline, self.attempts(request, deadline)).await;
        let result = in_time.unwrap_or(Err(ClerkError::DeadlineExceeded { deadline }));
        timer.observe_duration();
        result.inspect_err(|error| metrics.record_failure(FailureKind::of(error)))
    }

    fn deadline_of(&self, request: &OutgoingRequest) -> Duration {
        match (self.options.deadline, grpc_timeout::of_headers(request.headers())) {
            (Some(own), Some(carried)) => own.min(carried),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => self.clerk.settings.deadline,
        }
    }

    async fn attempts(&self, request: &mut OutgoingRequest, deadline: Duration) -> CallResult {
        if !self.options.is_streaming {
            request.buffer_body(self.clerk.settings.body_size_max).await?;
        }
        let mut wait = RetryWait::default();
        let peer = self.choose(None, &mut wait).await?;
        match self.send(request, &peer).await {
            AttemptOutcome::Answered(response) => Ok(response),
            // Boxed, so that the future of a request that succeeds at once stays small.
            outcome => Box::pin(self.retry(request, peer, outcome, wait, deadline)).await,
        }
    }

    /// Retries until there is an answer, the outcome allows no retry, or waiting time or retry budget are used up.
    async fn retry(
        &self,
        request: &mut OutgoingRequest,
        mut peer: Arc<Peer>,
        mut outcome: AttemptOutcome,
        mut wait: RetryWait,
        deadline: Duration,
    ) -> CallResult {
        self.record_outcome(&peer, &outcome);
        // Only the first retry has no pause: several failing pods must not be called in a busy loop.
        let mut immediate = self.alternative(&peer, &outcome);
        loop {
            if !request.is_buffered() || !self.acquire_retry(&outcome) {
                return outcome.into_result(peer.address(), deadline);
            }
            let next = match immediate.take() {
                Some(next) => Some(next),
                None => self.choose_after_pause(&peer, &mut wait).await,
            };
            // The last outcome is more specific than an error about waiting.
            let Some(next) = next else {
                return outcome.into_result(peer.address(), deadline);
            };
            peer = next;
            self.clerk.metrics.retries.inc();
            outcome = self.send(request, &peer).await;
            self.record_outcome(&peer, &outcome);
        }
    }

    async fn send(&self, request: &mut OutgoingRequest, peer: &Peer) -> AttemptOutcome {
        match self.is_traced {
            // Boxed, so that the future of a request that is not traced stays small.
            true => {
                Box::pin(in_attempt(request, peer, async |request| {
                    self.send_once(request, peer).await
                }))
                .await
            }
            false => self.send_once(request, peer).await,
        }
    }

    async fn send_once(&self, request: &mut OutgoingRequest, peer: &Peer) -> AttemptOutcome {
        match self.options.is_idempotent && request.is_buffered() {
            true => peer.send_unless_removed(request).await,
            false => peer.send(request).await,
        }
    }

    /// Updates the routing by a `NotOwner`, and reports an unreachable pod.
    fn record_outcome(&self, peer: &Arc<Peer>, outcome: &AttemptOutcome) {
        match outcome {
            AttemptOutcome::Answered(_) | AttemptOutcome::Abandoned => {}
            AttemptOutcome::Forwarded(_, not_owner) | AttemptOutcome::Misrouted(_, not_owner) => {
                self.clerk.metrics.misroutes.inc();
                self.clerk.observe_generation(not_owner.generation);
                self.clerk.directory.add_hint(not_owner);
            }
            AttemptOutcome::Failed(CallFailure::TimedOut) => self.clerk.report_unreachable(peer),
            AttemptOutcome::Failed(CallFailure::NotSent(_) | CallFailure::Broken(_)) => {
                self.clerk.directory.remove_hints_to(peer);
                self.clerk.report_unreachable(peer);
            }
        }
    }

    /// Whether the request may be sent again after this outcome; takes from the retry budget where one applies. A
    /// request that no pod received is bounded by the wait limit alone: it has caused no work.
    fn acquire_retry(&self, outcome: &AttemptOutcome) -> bool {
        match outcome {
            AttemptOutcome::Answered(_)
            | AttemptOutcome::Forwarded(..)
            | AttemptOutcome::Failed(CallFailure::TimedOut) => false,
            AttemptOutcome::Failed(CallFailure::NotSent(_)) => true,
            // At most once per incarnation of a pod, so no budget is needed.
            AttemptOutcome::Abandoned => self.options.is_idempotent,
            AttemptOutcome::Failed(CallFailure::Broken(_)) => self.options.is_idempotent && self.clerk.acquire_retry(),
            AttemptOutcome::Misrouted(..) => self.clerk.acquire_retry(),
        }
    }

    /// A pod for an immediate retry: the owner that `peer` named, or another replica.
    fn alternative(&self, peer: &Arc<Peer>, outcome: &AttemptOutcome) -> Option<Arc<Peer>> {
        let named = match outcome {
            AttemptOutcome::Misrouted(_, not_owner) => self.owner_named_by(not_owner),
            AttemptOutcome::Answered(_)
            | AttemptOutcome::Forwarded(..)
            | AttemptOutcome::Failed(_)
            | AttemptOutcome::Abandoned => None,
        };
        let next = named.or_else(|| self.clerk.directory.choose(&self.key, Some(peer)).ok());
        next.filter(|next| !Arc::ptr_eq(next, peer))
    }

    /// The owner that a pod named; `None` when the clerk knows a newer generation for the key.
    fn owner_named_by(&self, not_owner: &NotOwner) -> Option<Arc<Peer>> {
        let directory = &self.clerk.directory;
        let is_current = not_owner.generation >= directory.generation_for(&self.key);
        let owner = not_owner.owner.as_ref().filter(|_| is_current)?;
        Some(directory.peer_of(owner))
    }

    /// The pod for the next attempt, after a new assignment or a backoff delay; `failed` again if there is no other.
    async fn choose_after_pause(&self, failed: &Arc<Peer>, wait: &mut RetryWait) -> Option<Arc<Peer>> {
        self.pause(wait).await.ok()?;
        self.choose(Some(failed), wait).await.ok()
    }

    /// The pod for the next attempt. Waits while there is none.
    async fn choose(&self, failed: Option<&Arc<Peer>>, wait: &mut RetryWait) -> Result<Arc<Peer>, ClerkError> {
        loop {
            let error = match self.clerk.directory.choose(&self.key, failed) {
                Ok(peer) => return Ok(peer),
                Err(error) if error.is_transient() => error,
                Err(error) => return Err(error),
            };
            if let Err(wait_error) = self.pause(wait).await {
                return Err(wait_error.because_of(error));
            }
        }
    }

    async fn pause(&self, wait: &mut RetryWait) -> Result<(), WaitError> {
        let clerk = &self.clerk;
        wait.pause(&clerk.directory, &clerk.wait_limit, &clerk.settings).await
    }
}
