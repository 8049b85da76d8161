//! A member that runs alone in this process.

use std::time::Duration;

use emberkeep_assigner::raft::RaftSettings;
use emberkeep_assigner::{Assigner, AssignerConfig};
use emberkeep_core::target::TargetName;
use tempfile::TempDir;
use tokio::net::TcpListener;

const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(DEADLINE, work).await;
    done.unwrap_or_else(|_| panic!("{what} took longer than {DEADLINE:?}"))
}

pub(crate) struct Running {
    pub(crate) assigner: Assigner,
    pub(crate) url: String,
    _folder: Option<TempDir>,
}

pub(crate) async fn member_in(folder: &std::path::Path) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("http://{address}");
    let raft = RaftSettings::alone(folder, &url);
    let assigner = Assigner::start_on(listener, AssignerConfig::new(address, raft))
        .await
        .unwrap();
    let mut leadership = assigner.member().leadership();
    within("leading", leadership.wait_for(|leadership| leadership.is_leading()))
        .await
        .unwrap();
    Running {
        assigner,
        url,
        _folder: None,
    }
}

pub(crate) async fn member() -> Running {
    let folder = TempDir::new().unwrap();
    let running = member_in(folder.path()).await;
    Running {
        _folder: Some(folder),
        ..running
    }
}

pub(crate) fn target() -> TargetName {
    TargetName::try_new("profiles").unwrap()
}
