//! The addresses that Prometheus scrapes, by the name of the process.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::Serialize;

/// The processes of each job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScrapeTargets {
    /// The pages of the assigner's members.
    pub assigners: BTreeMap<String, SocketAddr>,
    /// The pages of the pods.
    pub slicelets: BTreeMap<String, SocketAddr>,
}

/// A group of targets in a file of Prometheus's file-based service discovery.
#[derive(Debug, Serialize)]
pub(super) struct TargetGroup {
    targets: [String; 1],
    labels: BTreeMap<&'static str, String>,
}

/// One group for each process: its name is the label `instance`, which a restart at another address keeps.
pub(super) fn groups(processes: &BTreeMap<String, SocketAddr>) -> Vec<TargetGroup> {
    let group = |(name, address): (&String, &SocketAddr)| TargetGroup {
        targets: [address.to_string()],
        labels: BTreeMap::from([("instance", name.clone())]),
    };
    processes.iter().map(group).collect()
}
