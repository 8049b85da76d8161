//! The configuration of a member.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::raft::RaftSettings;

/// The settings of one member, fixed at start.
#[derive(Debug, Clone)]
pub struct AssignerConfig {
    /// The gRPC listen address for slicelets, clerks, operators and the other members.
    pub listen: SocketAddr,
    /// The HTTP listen address for the page, metrics and health; `None` for none.
    pub http: Option<SocketAddr>,
    /// Whether the page's buttons work: drain, freeze and pin without `emberkeep admin`.
    pub page_commands: bool,
    /// The settings of Raft: number, members, data folder.
    pub raft: RaftSettings,
    /// Whether a registration for an unknown target creates it with default settings.
    pub creates_targets: bool,
    /// The maximum number of connected slicelets; further ones are rejected with `RESOURCE_EXHAUSTED`.
    pub sessions_max: usize,
    /// The maximum number of watchers; further ones are rejected with `RESOURCE_EXHAUSTED`.
    pub watchers_max: usize,
    /// The file for a recording of the events and proposals of leading brains; `None` for none. If the file exists, the
    /// first of `FILE.2`, `FILE.3`, ... that does not is created.
    pub record: Option<PathBuf>,
}

impl AssignerConfig {
    /// Default settings with this listen address.
    #[must_use]
    pub fn new(listen: SocketAddr, raft: RaftSettings) -> Self {
        Self {
            listen,
            http: None,
            page_commands: false,
            raft,
            creates_targets: true,
            sessions_max: 20_000,
            watchers_max: 20_000,
            record: None,
        }
    }
}
