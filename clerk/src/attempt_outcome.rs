//! The outcome of one attempt.

use std::time::Duration;

use emberkeep_core::pod::PodAddress;
use emberkeep_proto::convert::{NotOwner, is_refusal};
use emberkeep_runtime::call_failure::CallFailure;
use tonic::body::Body;
use tonic::transport;

use crate::ClerkError;

/// The outcome of sending a request to a pod once.
#[derive(Debug)]
pub(crate) enum AttemptOutcome {
    /// The pod answered. The answer may be an error of the application.
    Answered(http::Response<Body>),
    /// The pod does not own the key, forwarded the request, and returned the owner's answer.
    Forwarded(http::Response<Body>, Box<NotOwner>),
    /// The pod does not own the key and did not process the request.
    Misrouted(http::Response<Body>, Box<NotOwner>),
    /// The transport failed before there was an answer.
    Failed(CallFailure),
    /// The newest assignment removed the pod before it answered.
    Abandoned,
}

impl AttemptOutcome {
    pub(crate) fn of(answer: Result<http::Response<Body>, transport::Error>) -> Self {
        match answer {
            Err(error) => Self::Failed(CallFailure::of(&error)),
            Ok(response) => match NotOwner::from_headers(response.headers()) {
                Some(not_owner) if is_refusal(response.headers()) => Self::Misrouted(response, Box::new(not_owner)),
                Some(not_owner) => Self::Forwarded(response, Box::new(not_owner)),
                None => Self::Answered(response),
            },
        }
    }

    /// The value of the field `outcome` of an attempt's span.
    pub(crate) const fn label(&self) -> &'static str {
        match self {
            Self::Answered(_) => "answered",
            Self::Forwarded(..) => "forwarded",
            Self::Misrouted(..) => "misrouted",
            Self::Failed(CallFailure::NotSent(_)) => "unreachable",
            Self::Failed(CallFailure::Broken(_)) => "broken",
            Self::Failed(CallFailure::TimedOut) => "deadline_exceeded",
            Self::Abandoned => "abandoned",
        }
    }

    /// The pod's answer, if there is one.
    pub(crate) const fn answer(&self) -> Option<&http::Response<Body>> {
        match self {
            Self::Answered(answer) | Self::Forwarded(answer, _) | Self::Misrouted(answer, _) => Some(answer),
            Self::Failed(_) | Self::Abandoned => None,
        }
    }

    /// The caller's result when this was the last attempt. `address` is the pod's, `deadline` the request's.
    pub(crate) fn into_result(
        self,
        address: &PodAddress,
        deadline: Duration,
    ) -> Result<http::Response<Body>, ClerkError> {
        let address = address.clone();
        match self {
            Self::Answered(response) | Self::Forwarded(response, _) | Self::Misrouted(response, _) => Ok(response),
            Self::Failed(CallFailure::NotSent(reason)) => Err(ClerkError::Unreachable { address, reason }),
            Self::Failed(CallFailure::Broken(reason)) => Err(ClerkError::Broken { address, reason }),
            Self::Failed(CallFailure::TimedOut) => Err(ClerkError::DeadlineExceeded { deadline }),
            Self::Abandoned => Err(ClerkError::Broken {
                address,
                reason: "the assignment no longer names the pod, which died or gave up its slices".to_owned(),
            }),
        }
    }
}
