//! The redirect of a follower to the leader.

use http::Uri;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

/// The metadata key of the leader's address in a status. The value is empty if no leader is known.
pub const LEADER_KEY: &str = "emberkeep-leader";

/// The redirect that a status carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaderRedirect {
    /// The leader's URL; `None` if no leader is known.
    pub leader: Option<String>,
}

/// The status of code `FAILED_PRECONDITION` that carries the leader's address.
#[must_use]
pub fn leader_redirect_status(leader: Option<&str>) -> Status {
    let address = leader.unwrap_or_default();
    let sentence = match leader {
        Some(leader) => format!("this member does not lead; the leader is {leader}"),
        None => "this member does not lead, and no leader is known".to_owned(),
    };
    let mut metadata = MetadataMap::new();
    // An address that is no valid header value is no valid URL either.
    let value = MetadataValue::try_from(address).unwrap_or_else(|_| MetadataValue::from_static(""));
    metadata.insert(LEADER_KEY, value);
    Status::with_metadata(Code::FailedPrecondition, sentence, metadata)
}

impl LeaderRedirect {
    /// The redirect in a status; `None` if there is none. A malformed address counts as unknown.
    #[must_use]
    pub fn from_status(status: &Status) -> Option<Self> {
        let value = status.metadata().get(LEADER_KEY)?;
        let address = value.to_str().ok().filter(|address| address.parse::<Uri>().is_ok());
        Some(Self {
            leader: address.map(ToOwned::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_names_the_leader_if_there_is_one() {
        for leader in [Some("http://127.0.0.1:7070"), None] {
            let status = leader_redirect_status(leader);
            assert_eq!(status.code(), Code::FailedPrecondition);
            let redirect = LeaderRedirect::from_status(&status).unwrap();
            assert_eq!(redirect.leader.as_deref(), leader);
        }
    }

    #[test]
    fn another_failed_precondition_is_no_redirect() {
        assert_eq!(
            LeaderRedirect::from_status(&Status::failed_precondition("frozen")),
            None
        );
    }

    #[test]
    fn a_malformed_address_counts_as_unknown() {
        let status = leader_redirect_status(Some("http://a b/\n"));
        assert_eq!(
            LeaderRedirect::from_status(&status),
            Some(LeaderRedirect { leader: None })
        );
    }
}
