//! One request, from the first attempt to the answer.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use emberkeep_proto::convert::NotOwner;
use emberkeep_runtime::call_failure::CallFailure;
use emberkeep_runtime::grpc_timeout;
use tonic::body::Body;

use crate::ClerkError;
use crate::clerk::Inner;
use crate::outcome::Outcome;
use crate::outgoing_request::OutgoingRequest;
use crate::patience::{Impatience, Patience};
use crate::peer::Peer;

/// What the caller said about a request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CallOptions {
    pub(crate) is_idempotent: bool,
    pub(crate) is_streaming: bool,
    pub(crate) deadline: Option<Duration>,
}

/// Brings one request to its owner.
pub(crate) struct Call {
    pub(crate) clerk: Arc<Inner>,
    pub(crate) key: Arc<[u8]>,
    pub(crate) options: CallOptions,
}

type Answer = Result<http::Response<Body>, ClerkError>;

impl Call {
    /// Brings the request to a pod that takes it, within its deadline.
    pub(crate) async fn run(&self, request: &mut OutgoingRequest) -> Answer {
        self.clerk.counters.requests.fetch_add(1, Relaxed);
        let deadline = self.deadline_of(request);
        let in_time = tokio::time::timeout(deadline, self.attempts(request, deadline)).await;
        let answer = in_time.unwrap_or(Err(ClerkError::DeadlineExceeded { deadline }));
        answer.inspect_err(|error| self.clerk.counters.failed(error))
    }

    fn deadline_of(&self, request: &OutgoingRequest) -> Duration {
        match (self.options.deadline, grpc_timeout::of_headers(request.headers())) {
            (Some(own), Some(carried)) => own.min(carried),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => self.clerk.settings.deadline,
        }
    }

    async fn attempts(&self, request: &mut OutgoingRequest, deadline: Duration) -> Answer {
        if !self.options.is_streaming {
            request.keep(self.clerk.settings.body_size_max).await?;
        }
        let mut patience = Patience::default();
        let peer = self.choose(None, &mut patience).await?;
        match self.send(request, &peer).await {
            Outcome::Answered(response) => Ok(response),
            // On the heap, so that the future of a request that succeeds at once stays small.
            outcome => Box::pin(self.go_on(request, peer, outcome, patience, deadline)).await,
        }
    }

    /// Tries again until there is an answer, or no hope, patience or budget is left.
    async fn go_on(
        &self,
        request: &mut OutgoingRequest,
        mut peer: Arc<Peer>,
        mut outcome: Outcome,
        mut patience: Patience,
        deadline: Duration,
    ) -> Answer {
        self.note(&peer, &outcome);
        // At once only the first time: pods that fail in turn are not to be asked in a busy loop.
        let mut at_once = self.elsewhere(&peer, &outcome);
        loop {
            if !request.is_kept() || !self.may_go_again(&outcome) {
                return outcome.into_answer(peer.address(), deadline);
            }
            let next = match at_once.take() {
                Some(next) => Some(next),
                None => self.after_a_pause(&peer, &mut patience).await,
            };
            // What went wrong says more than that nothing better came.
            let Some(next) = next else {
                return outcome.into_answer(peer.address(), deadline);
            };
            peer = next;
            self.clerk.counters.retried.fetch_add(1, Relaxed);
            outcome = self.send(request, &peer).await;
            self.note(&peer, &outcome);
        }
    }

    async fn send(&self, request: &mut OutgoingRequest, peer: &Peer) -> Outcome {
        match self.options.is_idempotent && request.is_kept() {
            true => peer.send_while_it_is_there(request).await,
            false => peer.send(request).await,
        }
    }

    /// Learns from a pod that does not own the key, and tells of one that cannot be reached.
    fn note(&self, asked: &Arc<Peer>, outcome: &Outcome) {
        match outcome {
            Outcome::Answered(_) | Outcome::Abandoned => {}
            Outcome::Forwarded(_, not_owner) | Outcome::Misrouted(_, not_owner) => {
                self.clerk.counters.misrouted.fetch_add(1, Relaxed);
                self.clerk.hear_of(not_owner.generation);
                self.clerk.directory.learn(not_owner);
            }
            Outcome::Failed(CallFailure::TimedOut) => self.clerk.report(asked),
            Outcome::Failed(CallFailure::NotSent(_) | CallFailure::Broken(_)) => {
                self.clerk.directory.forget(asked);
                self.clerk.report(asked);
            }
        }
    }

    /// A request that no pod got has cost none anything: only the waiting room bounds those.
    fn may_go_again(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Answered(_) | Outcome::Forwarded(..) | Outcome::Failed(CallFailure::TimedOut) => false,
            Outcome::Failed(CallFailure::NotSent(_)) => true,
            // It happens once in the life of a pod, so no budget has to bound it.
            Outcome::Abandoned => self.options.is_idempotent,
            Outcome::Failed(CallFailure::Broken(_)) => self.options.is_idempotent && self.clerk.take_retry(),
            Outcome::Misrouted(..) => self.clerk.take_retry(),
        }
    }

    /// Another pod that can be asked without waiting: the owner that `asked` named, or a further replica.
    fn elsewhere(&self, asked: &Arc<Peer>, outcome: &Outcome) -> Option<Arc<Peer>> {
        let named = match outcome {
            Outcome::Misrouted(_, not_owner) => self.named_by(not_owner),
            Outcome::Answered(_) | Outcome::Forwarded(..) | Outcome::Failed(_) | Outcome::Abandoned => None,
        };
        let next = named.or_else(|| self.clerk.directory.choose(&self.key, Some(asked)).ok());
        next.filter(|next| !Arc::ptr_eq(next, asked))
    }

    /// The owner that a pod names, unless the clerk knows better.
    fn named_by(&self, not_owner: &NotOwner) -> Option<Arc<Peer>> {
        let directory = &self.clerk.directory;
        let is_current = not_owner.generation >= directory.generation_for(&self.key);
        let owner = not_owner.owner.as_ref().filter(|_| is_current)?;
        Some(directory.peer_of(owner))
    }

    /// Whom to ask when the assignment has changed or a moment is over; `asked` again if there is nobody else.
    async fn after_a_pause(&self, asked: &Arc<Peer>, patience: &mut Patience) -> Option<Arc<Peer>> {
        self.pause(patience).await.ok()?;
        self.choose(Some(asked), patience).await.ok()
    }

    /// Whom to ask: waits if there is nobody.
    async fn choose(&self, failed: Option<&Arc<Peer>>, patience: &mut Patience) -> Result<Arc<Peer>, ClerkError> {
        loop {
            let error = match self.clerk.directory.choose(&self.key, failed) {
                Ok(peer) => return Ok(peer),
                Err(error) if error.may_pass() => error,
                Err(error) => return Err(error),
            };
            if let Err(impatience) = self.pause(patience).await {
                return Err(impatience.because_of(error));
            }
        }
    }

    async fn pause(&self, patience: &mut Patience) -> Result<(), Impatience> {
        let clerk = &self.clerk;
        patience.pause(&clerk.directory, &clerk.room, &clerk.settings).await
    }
}
