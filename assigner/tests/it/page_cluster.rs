//! Three members in this process, each with a page.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use emberkeep_assigner::raft::RaftSettings;
use emberkeep_assigner::{Assigner, AssignerConfig};
use emberkeep_testkit::deadline::eventually;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::running_member::RunningMember;

/// The members in the order of their numbers.
pub(crate) struct PageCluster {
    pub(crate) members: Vec<RunningMember>,
    _folder: TempDir,
}

impl PageCluster {
    pub(crate) async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let mut listeners = Vec::new();
        let mut urls = BTreeMap::new();
        for id in 1..=3 {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            urls.insert(id, format!("http://{}", listener.local_addr().unwrap()));
            listeners.push((id, listener));
        }
        let mut members = Vec::new();
        for (id, listener) in listeners {
            let url = urls[&id].clone();
            let mut raft = RaftSettings::alone(folder.path().join(id.to_string()), &url);
            raft.id = id;
            raft.members.clone_from(&urls);
            let mut config = AssignerConfig::new(listener.local_addr().unwrap(), raft);
            config.http = Some("127.0.0.1:0".parse().unwrap());
            config.page_commands = true;
            let assigner = Assigner::start_on(listener, config).await.unwrap();
            members.push(RunningMember::of(assigner, url));
        }
        Self {
            members,
            _folder: folder,
        }
    }

    /// The leading member, as soon as there is one.
    pub(crate) async fn leader(&self) -> &RunningMember {
        let leading = async || self.members.iter().find(|member| leads(member));
        eventually("a leader", leading).await
    }

    /// The pages of all members that follow.
    pub(crate) fn following_pages(&self) -> Vec<SocketAddr> {
        let following = self.members.iter().filter(|member| !leads(member));
        following.map(RunningMember::page).collect()
    }
}

fn leads(member: &RunningMember) -> bool {
    member.assigner.member().leadership().borrow().is_leading()
}
