//! The kinds of transport failures of a gRPC call, by whether the server may have received the request.

use std::error::Error;
use std::iter::successors;

use tonic::{ConnectError, TimeoutExpired};

/// A call without an answer, with the error of the transport. tonic's clients turn all of these into statuses that look
/// like those of an application; at the level of the channel they can still be distinguished.
#[derive(Debug, PartialEq, Eq)]
pub enum CallFailure {
    /// The server did not receive the request: it is safe to send it again.
    NotSent(String),
    /// The connection broke after sending: the server may have processed the request.
    Broken(String),
    /// The timeout that is set on the channel expired: the server may have processed the request.
    TimedOut,
}

impl CallFailure {
    /// Classifies an error of a channel by its chain of causes.
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

    /// The text of the innermost cause: the outer ones are generic, such as "transport error".
    #[must_use]
    pub fn reason(error: &(dyn Error + 'static)) -> String {
        causes_of(error).last().unwrap_or(error).to_string()
    }
}

fn causes_of<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(Some(error), |cause: &&'a (dyn Error + 'static)| (*cause).source())
}

/// hyper cancels a request only while it is still queued: the connection closed before the request was written.
fn proves_unsent(cause: &(dyn Error + 'static)) -> bool {
    cause.is::<ConnectError>()
        || cause
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_canceled)
}
