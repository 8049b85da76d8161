//! What a member is told at start.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use openraft::{Config, SnapshotPolicy};
use tonic::transport::Endpoint;

use super::error::RaftError;

/// A member's number, unique in its cluster and never given to another folder.
pub type MemberId = u64;

/// Everything a member is told at start. [`RaftSettings::alone`] is complete; the rest has defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaftSettings {
    /// This member.
    pub id: MemberId,
    /// Where the other members reach this one: `http://host:port`.
    pub address: String,
    /// The first members with their addresses, this one among them; each of them may be started with the same list.
    /// Empty for a member that joins a running cluster: it waits until it is added.
    ///
    /// A listed address wins over the one in the log, so a cluster can be restarted at other addresses.
    pub members: BTreeMap<MemberId, String>,
    /// Where `raft.redb` lies. One folder for one member, for ever.
    pub folder: PathBuf,
    /// How often the leader says that it lives.
    pub heartbeat: Duration,
    /// A silent leader is replaced after at least this long.
    pub election_min: Duration,
    /// A leader that no quorum has answered for this long takes no more changes.
    pub election_max: Duration,
    /// How many log entries until the next snapshot.
    pub snapshot_every: u64,
    /// How long one message with log entries may take.
    pub replication_timeout: Duration,
    /// How long a whole snapshot may take to be sent and installed.
    pub snapshot_timeout: Duration,
    /// How long a change waits for its quorum.
    pub propose_timeout: Duration,
    /// How long adding or removing a member may take; a new one first gets all the state.
    pub membership_timeout: Duration,
}

impl RaftSettings {
    /// A cluster of one.
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

    /// openraft's own settings, or what is wrong with ours.
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
            // A member cut off from the rest must not depose a healthy leader when it comes back.
            enable_pre_vote: Some(true),
            // A leader cut off from its quorum falls silent, so that the others may elect.
            quorum_loss_probe_interval: Some(2 * election_max),
            // The state is rebuilt at start and may lag behind what this leader once answered: stand for election anew.
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

/// Whether other members can be told to connect there; the reason if not.
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
    fn a_member_missing_in_its_own_list_is_told_so() {
        let mut settings = RaftSettings::alone("data", "http://127.0.0.1:1");
        settings.id = 4;
        let error = settings.to_openraft().unwrap_err();
        assert_eq!(error.to_string(), "member 4 is not in its own list of members");
        assert!(error.is_bad_input());
    }

    #[test]
    fn two_addresses_for_one_member_are_refused() {
        let mut settings = RaftSettings::alone("data", "http://127.0.0.1:1");
        settings.address = "http://127.0.0.1:2".to_owned();
        assert_eq!(
            settings.to_openraft().unwrap_err().to_string(),
            "member 1 advertises http://127.0.0.1:2 but is listed at http://127.0.0.1:1"
        );
    }

    #[test]
    fn an_address_nobody_can_connect_to_is_refused() {
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
