//! Pods that are killed or frozen: requests are routed around them.

use std::net::SocketAddr;
use std::time::Instant;

use emberkeep_clerk::Clerk;
use emberkeep_lab::cluster::{FailureLogs, PodFault, ProcessCluster, StoreChoice};
use emberkeep_lab::demo::TARGET;
use emberkeep_lab::demo::pb::AddRequest;
use emberkeep_lab::demo::pb::demo_client::DemoClient;
use emberkeep_lab::load::{Viewers, ample_deadline_and_retries, denies_ownership, view, wait_until_owned};
use emberkeep_proto::pb;
use emberkeep_testkit::deadline::eventually;
use tonic::Status;

use crate::writable_pods;

const POD_COUNT: usize = 3;
const KEY_COUNT: usize = 30;

/// Pods that own all slices and serve writes, and a client of them.
struct FailureCluster {
    _logs: FailureLogs,
    processes: ProcessCluster,
    clerk: Clerk,
}

impl FailureCluster {
    /// Starts a cluster, waits until each pod owns slices, and writes an object for each key.
    async fn start() -> Self {
        let processes = writable_pods::start(StoreChoice::Folder, pb::TargetSettings::default(), POD_COUNT).await;
        let cluster = Self {
            _logs: FailureLogs::of(processes.folder()),
            clerk: writable_pods::clerk(&processes, "client", ample_deadline_and_retries()).await,
            processes,
        };
        wait_until_owned(&cluster.clerk, |owners| owners.len() == POD_COUNT)
            .await
            .unwrap();
        for number in 0..KEY_COUNT {
            add(&cluster.clerk, &key(number)).await.unwrap();
        }
        cluster
    }

    fn viewers(&self) -> Viewers {
        Viewers::start(&self.clerk, (0..KEY_COUNT).map(key), |_, _| true)
    }

    /// The first pod: its name and address.
    fn first_pod(&self) -> (String, SocketAddr) {
        let pod = &self.processes.pods()[0];
        (pod.name().to_owned(), pod.address)
    }

    /// A key that the pod owns.
    fn key_of(&self, pod: &str) -> String {
        let owner_of = |key: &String| self.clerk.owner_of(key).map(|owner| owner.name.as_str().to_owned());
        let mut keys = (0..KEY_COUNT).map(key);
        keys.find(|key| owner_of(key).as_deref() == Some(pod)).unwrap()
    }

    async fn admin(&self, args: &[&str]) {
        self.processes.operator_command().run(args).await.unwrap();
    }
}

fn key(number: usize) -> String {
    format!("key-{number}")
}

async fn add(clerk: &Clerk, key: &str) -> Result<(), Status> {
    let request = AddRequest {
        key: key.to_owned(),
        amount: 1,
        request_id: "first".to_owned(),
    };
    DemoClient::new(clerk.for_key(key).idempotent()).add(request).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_routed_around_a_killed_pod_and_none_fails_before_its_answer_has_begun() {
    let mut cluster = FailureCluster::start().await;
    let mut viewers = cluster.viewers();
    let (name, _) = cluster.first_pod();
    viewers.until(|pods| pods.contains(&name)).await.unwrap();
    let killed_at = Instant::now();
    cluster.processes.kill_pod(&name).await.unwrap();
    wait_until_owned(&cluster.clerk, |owners| !owners.contains(name.as_str()))
        .await
        .unwrap();
    eprintln!(
        "requests are routed around the pod {:.3?} after SIGKILL",
        killed_at.elapsed()
    );
    viewers.end().await.unwrap();
    for number in 0..KEY_COUNT {
        assert_ne!(view(&cluster.clerk, &key(number)).await.unwrap().pod, name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_routed_around_a_frozen_pod_and_it_learns_what_it_lost_when_it_resumes() {
    let mut cluster = FailureCluster::start().await;
    let mut viewers = cluster.viewers();
    let (name, address) = cluster.first_pod();
    viewers.until(|pods| pods.contains(&name)).await.unwrap();
    let lost = cluster.key_of(&name);
    let frozen_at = Instant::now();
    cluster.processes.inject(&name, PodFault::Halted).await.unwrap();
    wait_until_owned(&cluster.clerk, |owners| !owners.contains(name.as_str()))
        .await
        .unwrap();
    eprintln!(
        "requests are routed around the pod {:.3?} after SIGSTOP",
        frozen_at.elapsed()
    );
    assert_ne!(view(&cluster.clerk, &lost).await.unwrap().pod, name);

    // While frozen, the target cannot give the pod new slices before it has acknowledged the loss of its old ones.
    cluster.admin(&["freeze", TARGET]).await;
    cluster.processes.heal(&name).await.unwrap();
    let denial = || async { denies_ownership(address, &lost).await.then_some(()) };
    eventually("the pod knows that it does not own the key", denial).await;
    cluster.admin(&["unfreeze", TARGET]).await;
    wait_until_owned(&cluster.clerk, |owners| owners.contains(name.as_str()))
        .await
        .unwrap();
    viewers.end().await.unwrap();
}
