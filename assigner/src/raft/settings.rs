//! The settings of a member's Raft.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use openraft::{Config, SnapshotPolicy};
use tonic::transport::Endpoint;

use super::error::RaftError;
use super::member_id::MemberId;

/// The settings of a member's Raft, fixed at start. [`RaftSettings::alone`] has all defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaftSettings {
    /// The number of this member.
    pub id: MemberId,
    /// The URL of this member for the other members: `http://host:port`.
    pub address: String,
    /// The initial members with their URLs, this one included; all of them are started with the same list. Empty for a
    /// member that joins a running cluster: it waits until it is added.
    ///
    /// A listed address takes precedence over the one in the log, so a cluster can be restarted at other addresses.
    pub members: BTreeMap<MemberId, String>,
    /// The data folder with `raft.redb`, permanently bound to this member.
    pub folder: PathBuf,
    /// The interval of the leader's heartbeats.
    pub heartbeat: Duration,
    /// The shortest election timeout: a silent leader is replaced after at least this time.
    pub election_min: Duration,
    /// The longest election timeout. Also the leader's lease: without an answer of a quorum for this long it rejects
    /// changes.
    pub election_max: Duration,
    /// The number of log entries between two snapshots.
    pub snapshot_every: u64,
    /// The deadline of a message with log entries.
    pub replication_timeout: Duration,
    /// The deadline for sending and installing a snapshot.
    pub snapshot_timeout: Duration,
    /// The deadline of a proposal.
    pub propose_timeout: Duration,
    /// The deadline of adding or removing a member; a new one first receives the whole state.
    pub membership_timeout: Duration,
}

impl RaftSettings {
    /// Default settings of a single-member cluster, whose member has number 1.
    pub fn alone(folder: impl Into<PathBuf>, address: impl Into<String>) -> Self {
        let address = address.into();
        Self {
            id: 1,
            members: BTreeMap::from([(1, address.clone())]),
            address,
            folder: folder.into(),
            heartbeat: Duration::from_millis(50),
            election_min: Duration::from_millis(150),
            election_max: Duration::from_millis(300),
            snapshot_every: 5_000,
            replication_timeout: Duration::from_secs(1),
            snapshot_timeout: Duration::from_secs(30),
            propose_timeout: Duration::from_secs(5),
            membership_timeout: Duration::from_secs(60),
        }
    }

    /// The configuration of openraft.
    ///
    /// # Errors
    /// When a setting is invalid.
    pub(super) fn to_openraft(&self) -> Result<Config, RaftError> {
        self.check_members().map_err(|reason| RaftError::Settings { reason })?;
        let election_max = millis(self.election_max);
        let config = Config {
            cluster_name: "emberkeep-assigner".to_owned(),
            heartbeat_interval: millis(self.heartbeat),
            election_timeout_min: millis(self.election_min),
            election_timeout_max: election_max,
            install_snapshot_timeout: millis(self.snapshot_timeout),
            snapshot_policy: SnapshotPolicy::LogsSinceLast(self.snapshot_every),
            max_in_snapshot_log_to_keep: self.snapshot_every,
            replication_lag_threshold: self.snapshot_every.saturating_mul(2),
            api_channel_size: Some(1_024),
            notification_channel_size: Some(4_096),
            // A member that was isolated must not depose a healthy leader when it reconnects.
            enable_pre_vote: Some(true),
            // An isolated leader stops its heartbeats, so that the others can elect a new one.
            quorum_loss_probe_interval: Some(2 * election_max),
            // The state is rebuilt at start and may lag behind acknowledged changes: a former leader needs a new
            // election.
            enable_leader_restore: Some(false),
            backoff: "20ms 40ms ...500ms".to_owned(),
            ..Config::default()
        };
        config.validate().map_err(|error| RaftError::Settings {
            reason: error.to_string(),
        })
    }

    fn check_members(&self) -> Result<(), String> {
        for address in self.members.values().chain([&self.address]) {
            check_address(address)?;
        }
        match self.members.get(&self.id) {
            None if self.members.is_empty() => Ok(()),
            None => Err(format!("member {} is not in its own list of members", self.id)),
            Some(listed) if *listed == self.address => Ok(()),
            Some(listed) => Err(format!(
                "member {} advertises {} but is listed at {listed}",
                self.id, self.address
            )),
        }
    }
}

/// Checks that other members can connect to an address.
pub(super) fn check_address(address: &str) -> Result<(), String> {
    let parsed = Endpoint::from_shared(address.to_owned()).ok();
    let uri = parsed.as_ref().map(Endpoint::uri);
    match uri.is_some_and(|uri| uri.scheme_str() == Some("http") && uri.port().is_some()) {
        true => Ok(()),
        false => Err(format!(
            "{address:?} is not the address of a member, such as http://host:7400"
        )),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_missing_in_its_own_list_is_rejected() {
        let mut settings = RaftSettings::alone("data", "http://127.0.0.1:1");
        settings.id = 4;
        let error = settings.to_openraft().unwrap_err();
        assert_eq!(error.to_string(), "member 4 is not in its own list of members");
        assert!(error.is_bad_input());
    }

    #[test]
    fn two_addresses_for_one_member_are_rejected() {
        let mut settings = RaftSettings::alone("data", "http://127.0.0.1:1");
        settings.address = "http://127.0.0.1:2".to_owned();
        assert_eq!(
            settings.to_openraft().unwrap_err().to_string(),
            "member 1 advertises http://127.0.0.1:2 but is listed at http://127.0.0.1:1"
        );
    }

    #[test]
    fn an_invalid_address_is_rejected() {
        for address in [
            "",
            "localhost",
            "127.0.0.1:7400",
            "http://host",
            "ftp://host:7400",
            "http://a b:1",
        ] {
            let error = RaftSettings::alone("data", address).to_openraft().unwrap_err();
            let sentence = format!("{address:?} is not the address of a member, such as http://host:7400");
            assert_eq!(error.to_string(), sentence);
        }
    }

    #[test]
    fn the_defaults_are_accepted() {
        assert!(RaftSettings::alone("data", "http://127.0.0.1:1").to_openraft().is_ok());
    }
}
