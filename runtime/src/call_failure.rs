//! Why a gRPC call has no answer: what the transport says, told apart by what may have been done.

use std::error::Error;
use std::iter::successors;

use tonic::{ConnectError, TimeoutExpired};

/// Why there is no answer, with what the transport says. tonic's clients turn all of these into statuses that look like
/// those of an application; below them, they can still be told apart.
#[derive(Debug, PartialEq, Eq)]
pub enum CallFailure {
    /// The server never got the request.
    NotSent(String),
    /// The server may have got it.
    Broken(String),
    /// The transport's own clock ran out.
    TimedOut,
}

impl CallFailure {
    /// What kind of failure an error of a channel is.
    #[must_use]
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        if causes_of(error).any(|cause| cause.is::<TimeoutExpired>()) {
            Self::TimedOut
        } else if causes_of(error).any(proves_unsent) {
            Self::NotSent(Self::reason(error))
        } else {
            Self::Broken(Self::reason(error))
        }
    }

    /// The innermost cause: the outer ones only say that something went wrong.
    #[must_use]
    pub fn reason(error: &(dyn Error + 'static)) -> String {
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
