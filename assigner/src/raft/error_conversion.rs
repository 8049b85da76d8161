//! Conversion of openraft's errors to [`ProposeError`].

use std::time::Duration;

use openraft::errors::{
    ClientWriteError, ForwardReason, ForwardToLeader, LinearizableReadError, RaftError as NodeError,
};

use super::error::ProposeError;
use super::network::AddressBook;
use super::type_config::TypeConfig;

type RaftWriteError = NodeError<TypeConfig, ClientWriteError<TypeConfig>>;
type RaftReadError = NodeError<TypeConfig, LinearizableReadError<TypeConfig>>;

/// Whether this member leads, but its quorum lease has expired: nothing was written, and a retry may succeed.
pub(super) fn is_lease_expired(error: &RaftWriteError) -> bool {
    matches!(
        error,
        NodeError::APIError(ClientWriteError::ForwardToLeader(ForwardToLeader {
            reason: ForwardReason::LeaseExpired,
            ..
        }))
    )
}

/// The error of a change of the state or of the members.
pub(super) fn of_write(error: RaftWriteError, addresses: &AddressBook) -> ProposeError {
    let api_error = match error {
        NodeError::Fatal(_) => return ProposeError::Stopped,
        NodeError::APIError(api_error) => api_error,
    };
    match api_error {
        ClientWriteError::ForwardToLeader(forward) => ProposeError::NotLeader {
            leader: leader(&forward, addresses),
        },
        ClientWriteError::LogEntryDiscarded(forward) => ProposeError::Uncertain {
            leader: leader(&forward, addresses),
        },
        ClientWriteError::ChangeMembershipError(reason) => ProposeError::Rejected {
            reason: reason.to_string(),
        },
        ClientWriteError::PreconditionFailed(reason) => ProposeError::Rejected {
            reason: reason.to_string(),
        },
    }
}

/// The error of a confirmation of leadership. The quorum had `lease` to answer.
pub(super) fn of_read(error: RaftReadError, addresses: &AddressBook, lease: Duration) -> ProposeError {
    match error {
        NodeError::Fatal(_) => ProposeError::Stopped,
        NodeError::APIError(LinearizableReadError::ForwardToLeader(forward)) => ProposeError::NotLeader {
            leader: leader(&forward, addresses),
        },
        NodeError::APIError(LinearizableReadError::QuorumNotEnough(_)) => ProposeError::Timeout { waited: lease },
    }
}

fn leader(forward: &ForwardToLeader<TypeConfig>, addresses: &AddressBook) -> Option<String> {
    let (id, node) = (forward.leader_id?, forward.leader_node.as_ref()?);
    Some(addresses.address_of(id, node))
}
