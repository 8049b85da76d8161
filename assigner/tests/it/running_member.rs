//! A member that leads alone in this process.

use std::net::SocketAddr;
use std::path::Path;

use emberkeep_assigner::raft::RaftSettings;
use emberkeep_assigner::{Assigner, AssignerConfig};
use emberkeep_core::target::TargetName;
use emberkeep_testkit::deadline::within;
use tempfile::TempDir;
use tokio::net::TcpListener;

pub(crate) struct RunningMember {
    pub(crate) assigner: Assigner,
    pub(crate) url: String,
    _folder: Option<TempDir>,
}

impl RunningMember {
    /// A member with its own empty folder.
    pub(crate) async fn start() -> Self {
        Self::start_with(false).await
    }

    /// A member with its own empty folder, and perhaps with buttons on its page.
    pub(crate) async fn start_with(page_commands: bool) -> Self {
        let folder = TempDir::new().unwrap();
        let member = Self::start_in(folder.path(), page_commands).await;
        Self {
            _folder: Some(folder),
            ..member
        }
    }

    /// A member that continues with the data in `folder`, once it leads.
    pub(crate) async fn start_in(folder: &Path, page_commands: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let url = format!("http://{address}");
        let raft = RaftSettings::alone(folder, &url);
        let mut config = AssignerConfig::new(address, raft);
        config.http = Some("127.0.0.1:0".parse().unwrap());
        config.page_commands = page_commands;
        let assigner = Assigner::start_on(listener, config).await.unwrap();
        let mut leadership = assigner.member().leadership();
        let leads = leadership.wait_for(|leadership| leadership.is_leading());
        within("leading", leads).await.unwrap();
        Self::of(assigner, url)
    }

    /// A member that was started with its data elsewhere.
    pub(crate) fn of(assigner: Assigner, url: String) -> Self {
        Self {
            assigner,
            url,
            _folder: None,
        }
    }

    /// The address of its page.
    pub(crate) fn page(&self) -> SocketAddr {
        self.assigner.http_address().unwrap()
    }
}

/// The target of all slicelets.
pub(crate) fn target() -> TargetName {
    TargetName::try_new("profiles").unwrap()
}
