//! What callers are told when a change is not made.

use emberkeep_core::assigner::{Applied, Rejection};
use emberkeep_proto::convert::leader_redirect_status;
use tonic::Status;

use crate::raft::ProposeError;

/// The answer to a proposal, whatever came of it; that nothing had to change is fine.
pub(crate) fn answered(outcome: Result<Applied, ProposeError>) -> Result<(), Status> {
    match outcome {
        Ok(Applied::Done | Applied::Unchanged) => Ok(()),
        Ok(Applied::Rejected(rejection)) => Err(of_rejection(&rejection)),
        Err(error) => Err(of_proposal(&error)),
    }
}

/// Why the consensus did not take it.
pub(crate) fn of_proposal(error: &ProposeError) -> Status {
    let sentence = error.to_string();
    match error {
        ProposeError::NotLeader { leader } => leader_redirect_status(leader.as_deref()),
        ProposeError::TooLarge { .. } => Status::invalid_argument(sentence),
        ProposeError::Refused { .. } => Status::failed_precondition(sentence),
        ProposeError::Timeout { .. } | ProposeError::Uncertain { .. } | ProposeError::Stopped => {
            Status::unavailable(sentence)
        }
    }
}

/// Why it does not fit the replicated state.
pub(crate) fn of_rejection(rejection: &Rejection) -> Status {
    let sentence = rejection.to_string();
    match rejection {
        Rejection::UnknownTarget { .. } | Rejection::UnknownPod { .. } => Status::not_found(sentence),
        Rejection::TargetExists { .. } => Status::already_exists(sentence),
        Rejection::KeyModeFixed { .. } | Rejection::TooManyMarks { .. } => Status::failed_precondition(sentence),
        Rejection::StaleBase { .. } => Status::aborted(sentence),
        Rejection::Inconsistent { .. } => Status::internal(sentence),
    }
}
