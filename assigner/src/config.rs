//! What a member of the assigner is told at start.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::raft::RaftSettings;

/// All settings of one member.
#[derive(Debug, Clone)]
pub struct AssignerConfig {
    /// Where it listens for slicelets, clerks, operators and the other members.
    pub listen: SocketAddr,
    /// Where it shows metrics and health; nowhere if not set.
    pub http: Option<SocketAddr>,
    /// Its part in the consensus.
    pub raft: RaftSettings,
    /// Whether a slicelet that registers for a target that does not exist creates it, with default settings.
    pub creates_targets: bool,
    /// How many slicelets may be connected at a time.
    pub sessions_max: usize,
    /// How many watchers are served at a time.
    pub watchers_max: usize,
    /// The file that all that leading brains are told and propose is written to; nowhere if not set. Where the file
    /// exists, the first of `FILE.2`, `FILE.3`, ... that does not is taken.
    pub record: Option<PathBuf>,
}

impl AssignerConfig {
    /// The embedded default: a member that listens there and otherwise has default settings.
    #[must_use]
    pub fn new(listen: SocketAddr, raft: RaftSettings) -> Self {
        Self {
            listen,
            http: None,
            raft,
            creates_targets: true,
            sessions_max: 20_000,
            watchers_max: 20_000,
            record: None,
        }
    }
}
