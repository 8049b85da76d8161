//! The gRPC statuses of failed changes.

use emberkeep_core::assigner::{Applied, Rejection};
use emberkeep_proto::convert::leader_redirect_status;
use tonic::Status;

use crate::raft::ProposeError;

/// The result of a proposal for the caller. A proposal without an effect succeeds.
pub(crate) fn proposal_result(outcome: Result<Applied, ProposeError>) -> Result<(), Status> {
    match outcome {
        Ok(Applied::Done | Applied::Unchanged) => Ok(()),
        Ok(Applied::Rejected(rejection)) => Err(rejection_status(&rejection)),
        Err(error) => Err(proposal_status(&error)),
    }
}

/// The status of a proposal that Raft did not commit.
pub(crate) fn proposal_status(error: &ProposeError) -> Status {
    let sentence = error.to_string();
    match error {
        ProposeError::NotLeader { leader } => leader_redirect_status(leader.as_deref()),
        ProposeError::TooLarge { .. } => Status::invalid_argument(sentence),
        ProposeError::Rejected { .. } => Status::failed_precondition(sentence),
        ProposeError::Timeout { .. } | ProposeError::Uncertain { .. } | ProposeError::Stopped => {
            Status::unavailable(sentence)
        }
    }
}

/// The status of a committed proposal that the replicated state rejected.
pub(crate) fn rejection_status(rejection: &Rejection) -> Status {
    let sentence = rejection.to_string();
    match rejection {
        Rejection::UnknownTarget { .. } | Rejection::UnknownPod { .. } => Status::not_found(sentence),
        Rejection::TargetExists { .. } => Status::already_exists(sentence),
        Rejection::KeyModeFixed { .. } | Rejection::TooManyMarks { .. } => Status::failed_precondition(sentence),
        Rejection::StaleBase { .. } => Status::aborted(sentence),
        Rejection::Inconsistent { .. } => Status::internal(sentence),
    }
}
