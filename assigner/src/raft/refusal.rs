//! openraft's refusals in the words of whoever asked.

use std::time::Duration;

use openraft::errors::{
    ClientWriteError, ForwardReason, ForwardToLeader, LinearizableReadError, RaftError as NodeError,
};

use super::error::ProposeError;
use super::network::AddressBook;
use super::type_config::TypeConfig;

type WriteError = NodeError<TypeConfig, ClientWriteError<TypeConfig>>;
type ReadError = NodeError<TypeConfig, LinearizableReadError<TypeConfig>>;

/// True where this member leads but no quorum has answered it lately: nothing was written, asking again may help.
pub(super) fn is_too_early(error: &WriteError) -> bool {
    matches!(
        error,
        NodeError::APIError(ClientWriteError::ForwardToLeader(ForwardToLeader {
            reason: ForwardReason::LeaseExpired,
            ..
        }))
    )
}

/// Why a change, of the state or of the members, was not made.
pub(super) fn of_write(error: WriteError, addresses: &AddressBook) -> ProposeError {
    let refusal = match error {
        NodeError::Fatal(_) => return ProposeError::Stopped,
        NodeError::APIError(refusal) => refusal,
    };
    match refusal {
        ClientWriteError::ForwardToLeader(forward) => ProposeError::NotLeader {
            leader: leader(&forward, addresses),
        },
        ClientWriteError::LogEntryDiscarded(forward) => ProposeError::Uncertain {
            leader: leader(&forward, addresses),
        },
        ClientWriteError::ChangeMembershipError(reason) => ProposeError::Refused {
            reason: reason.to_string(),
        },
        ClientWriteError::PreconditionFailed(reason) => ProposeError::Refused {
            reason: reason.to_string(),
        },
    }
}

/// Why leadership was not confirmed; a quorum had `lease` to answer.
pub(super) fn of_read(error: ReadError, addresses: &AddressBook, lease: Duration) -> ProposeError {
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
