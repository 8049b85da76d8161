//! What comes of one attempt.

use std::error::Error;
use std::iter::successors;
use std::time::Duration;

use emberkeep_core::pod::PodAddress;
use emberkeep_proto::convert::NotOwner;
use tonic::body::Body;
use tonic::{ConnectError, TimeoutExpired, transport};

use crate::ClerkError;

/// What comes of sending a request to a pod once.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The pod's answer, be it an error of the application.
    Answered(http::Response<Body>),
    /// The pod does not own the key and has done nothing.
    Misrouted(http::Response<Body>, Box<NotOwner>),
    /// There is no answer.
    Failed(Failure),
}

/// Why there is no answer, with what the transport says. tonic turns both of these into statuses that look like those
/// of an application; here, below tonic's client, they can still be told apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The pod never got the request.
    NotSent(String),
    /// The pod may have got it.
    Broken(String),
    /// The transport's own clock ran out.
    TimedOut,
}

impl Outcome {
    pub(crate) fn of(answer: Result<http::Response<Body>, transport::Error>) -> Self {
        match answer {
            Err(error) => Self::Failed(Failure::of(&error)),
            // An error without a body has its status in the headers, so answers with a body are told at one look.
            Ok(response) => match NotOwner::from_headers(response.headers()) {
                Some(not_owner) => Self::Misrouted(response, Box::new(not_owner)),
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
            Self::Answered(response) | Self::Misrouted(response, _) => Ok(response),
            Self::Failed(Failure::NotSent(reason)) => Err(ClerkError::Unreachable { address, reason }),
            Self::Failed(Failure::Broken(reason)) => Err(ClerkError::Broken { address, reason }),
            Self::Failed(Failure::TimedOut) => Err(ClerkError::DeadlineExceeded { deadline }),
        }
    }
}

impl Failure {
    fn of(error: &(dyn Error + 'static)) -> Self {
        let mut causes = causes_of(error);
        if causes.any(|cause| cause.is::<TimeoutExpired>()) {
            Self::TimedOut
        } else if causes_of(error).any(proves_unsent) {
            Self::NotSent(Self::reason(error))
        } else {
            Self::Broken(Self::reason(error))
        }
    }

    /// The innermost cause: the outer ones only say that something went wrong.
    pub(crate) fn reason(error: &(dyn Error + 'static)) -> String {
        causes_of(error).last().unwrap_or(error).to_string()
    }
}

fn causes_of<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(Some(error), |cause: &&'a (dyn Error + 'static)| (*cause).source())
}

/// hyper cancels a request only while it is still in its queue: the connection was gone before its turn came.
fn proves_unsent(cause: &(dyn Error + 'static)) -> bool {
    cause.is::<ConnectError>()
        || cause
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_canceled)
}
