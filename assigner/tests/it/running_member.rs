//! A member that leads alone in this process.

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
        let folder = TempDir::new().unwrap();
        let member = Self::start_in(folder.path()).await;
        Self {
            _folder: Some(folder),
            ..member
        }
    }

    /// A member that continues with the data in `folder`, once it leads.
    pub(crate) async fn start_in(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let url = format!("http://{address}");
        let raft = RaftSettings::alone(folder, &url);
        let config = AssignerConfig::new(address, raft);
        let assigner = Assigner::start_on(listener, config).await.unwrap();
        let mut leadership = assigner.member().leadership();
        let leads = leadership.wait_for(|leadership| leadership.is_leading());
        within("leading", leads).await.unwrap();
        Self {
            assigner,
            url,
            _folder: None,
        }
    }
}

/// The target of all slicelets.
pub(crate) fn target() -> TargetName {
    TargetName::try_new("profiles").unwrap()
}
