//! What tests of whole clusters share, beside the harness itself.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use emberkeep_clerk::Clerk;
use emberkeep_core::assignment::Assignment;
use emberkeep_lab::cluster::ProcessCluster;
use emberkeep_lab::demo::pb::demo_client::DemoClient;
use emberkeep_proto::convert::NotOwner;
use tokio::process::Command;
use tokio::time::timeout;

use crate::viewers::view_of;

/// A deadline for everything that must happen: only a fault reaches it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
const BINARY: &str = env!("CARGO_BIN_EXE_emberkeep");

/// The binary under test.
pub(crate) fn program() -> PathBuf {
    BINARY.into()
}

/// Runs `emberkeep admin`; its standard error if it failed.
pub(crate) async fn admin(assigner_url: &str, args: &[&str]) -> Result<(), String> {
    let mut command = Command::new(BINARY);
    let command = command.args(["admin", "--assigner", assigner_url]).args(args);
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = timeout(DEADLINE, output).await.unwrap().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    output.status.success().then_some(()).ok_or(stderr)
}

/// Waits until the clerk has an assignment that satisfies the predicate.
pub(crate) async fn wait_until_assigned(clerk: &Clerk, mut wanted: impl FnMut(&Assignment) -> bool) {
    let mut newest = clerk.assignment();
    let assigned = newest.wait_for(|held| held.as_ref().is_some_and(|held| wanted(&held.assignment)));
    timeout(DEADLINE, assigned).await.unwrap().unwrap();
}

/// Waits until the clerk has an assignment whose pods satisfy the predicate.
pub(crate) async fn wait_until_owned(clerk: &Clerk, wanted: impl Fn(&BTreeSet<&str>) -> bool) {
    wait_until_assigned(clerk, |assignment| {
        wanted(&assignment.pods().iter().map(|pod| pod.name.as_str()).collect())
    })
    .await;
}

/// Sends a request to the pod at this address and to no other; whether it answers that it does not own the key.
pub(crate) async fn denies_ownership(pod: SocketAddr, key: &str) -> bool {
    let Ok(mut client) = DemoClient::connect(format!("http://{pod}")).await else {
        return false;
    };
    let answer = timeout(DEADLINE, client.view(view_of(key))).await.unwrap();
    answer.is_err_and(|status| NotOwner::from_status(&status).is_some())
}

/// Prints the logs of a cluster when its test fails. Has to be dropped before the cluster, whose folder is temporary.
pub(crate) struct LogsOfFailure(PathBuf);

impl LogsOfFailure {
    pub(crate) fn of(cluster: &ProcessCluster) -> Self {
        Self(cluster.folder().root().join("logs"))
    }
}

impl Drop for LogsOfFailure {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for log in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            let text = fs::read_to_string(log.path()).unwrap_or_default();
            eprintln!("{}:\n{text}", log.path().display());
        }
    }
}
