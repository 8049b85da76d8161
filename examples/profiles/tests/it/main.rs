//! The whole profiles service: an assigner in this process, and pods and clients as processes.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic, as tests may")]

use std::process::Command;

use emberkeep_assigner::raft::RaftSettings;
use emberkeep_assigner::{Assigner, AssignerConfig};
use emberkeep_example_profiles::TARGET;
use emberkeep_testkit::address::free_address;
use emberkeep_testkit::deadline::wait_for;
use emberkeep_testkit::process::{ServerProcess, run};
use tempfile::TempDir;
use tokio::net::TcpListener;

struct ProfilesFixture {
    folder: TempDir,
    assigner: Assigner,
}

impl ProfilesFixture {
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let raft = RaftSettings::alone(folder.path().join("assigner"), format!("http://{address}"));
        let assigner = Assigner::start_on(listener, AssignerConfig::new(address, raft))
            .await
            .unwrap();
        Self { folder, assigner }
    }

    fn url(&self) -> String {
        format!("http://{}", self.assigner.address())
    }

    fn pod(&self) -> ServerProcess {
        let listen = free_address();
        let store = format!("folder://{}", self.folder.path().join("objects").display());
        let mut command = Command::new(env!("CARGO_BIN_EXE_profiles-server"));
        ServerProcess::listening(command.args([listen.to_string(), store, self.url()]), listen)
    }

    fn client(&self, words: &[&str]) -> Result<String, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_profiles-client"));
        run(command.args(words).env("ASSIGNER", self.url()))
    }

    /// The number of pods that have slices.
    fn pod_count(&self) -> usize {
        let state = self.assigner.member().state().borrow().clone();
        let target = state.targets().iter().find(|(name, _)| name.as_str() == TARGET);
        target.map_or(0, |(_, target)| target.assignment.pods().len())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_survives_the_pod_that_served_it() {
    let service = ProfilesFixture::start().await;
    let mut first = service.pod();
    assert_eq!(
        service.client(&["create", "alice", "Alice", "be kind"]).unwrap(),
        "created alice\n"
    );
    assert_eq!(service.client(&["view", "alice"]).unwrap(), "Alice: be kind\n");
    let twice = service.client(&["create", "alice", "Alice", "again"]).unwrap_err();
    assert!(twice.contains("the user has a profile already"), "{twice}");

    let _second = service.pod();
    wait_for("a second pod with slices", || (service.pod_count() == 2).then_some(()));
    assert!(first.terminate().success(), "a drained pod exits 0");
    assert_eq!(service.client(&["view", "alice"]).unwrap(), "Alice: be kind\n");
    assert!(service.assigner.shutdown().await);
}
