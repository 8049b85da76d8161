//! What comes of one attempt.

use std::time::Duration;

use emberkeep_core::pod::PodAddress;
use emberkeep_proto::convert::{NotOwner, is_refusal};
use emberkeep_runtime::call_failure::CallFailure;
use tonic::body::Body;
use tonic::transport;

use crate::ClerkError;

/// What comes of sending a request to a pod once.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The pod's answer, be it an error of the application.
    Answered(http::Response<Body>),
    /// The answer of the key's owner: the pod does not own the key and has sent the request on.
    Forwarded(http::Response<Body>, Box<NotOwner>),
    /// The pod does not own the key and has done nothing.
    Misrouted(http::Response<Body>, Box<NotOwner>),
    /// There is no answer.
    Failed(CallFailure),
    /// The pod was gone before it answered.
    Abandoned,
}

impl Outcome {
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

    /// What the caller gets if this was the last attempt, made at `address` by a request that had until `deadline`.
    pub(crate) fn into_answer(
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
                reason: "the pod was taken for dead, or gave up all its keys, before it answered".to_owned(),
            }),
        }
    }
}
