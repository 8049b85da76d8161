//! Pods that are killed or frozen: requests go around them. Real processes, real sockets, real signals.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic, as tests may")]

mod viewers;

use std::collections::BTreeSet;
use std::fs::File;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use emberkeep_clerk::Clerk;
use emberkeep_lab::demo::pb::AddRequest;
use emberkeep_lab::demo::pb::demo_client::DemoClient;
use emberkeep_proto::convert::NotOwner;
use emberkeep_testkit::address::free_address;
use emberkeep_testkit::deadline::eventually;
use emberkeep_testkit::process::{ServerProcess as Server, run as printed};
use tempfile::TempDir;
use tokio::time::timeout;
use tonic::Status;
use viewers::{Viewers, patient, view, view_of};

/// How long anything may take that must happen: only a fault reaches it.
const DEADLINE: Duration = Duration::from_secs(60);
/// The name of the demo's target.
const TARGET: &str = "demo";
const POD_COUNT: usize = 3;
const KEY_COUNT: usize = 30;

/// All processes, and a client of them. They end with it.
struct Cluster {
    assigner_url: String,
    clerk: Clerk,
    pods: Vec<Pod>,
    _assigner: Server,
    _folder: TempDir,
}

struct Pod {
    name: String,
    address: SocketAddr,
    server: Server,
}

impl Cluster {
    /// Starts a cluster, waits until all pods own something, and gives each key an object.
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (listen, http) = (free_address(), free_address());
        let assigner_url = format!("http://{listen}");
        let data = format!("--data={}", folder.path().join("assigner").display());
        let args = [
            "assigner".to_owned(),
            "--with-parent".to_owned(),
            format!("--listen={listen}"),
            format!("--http={http}"),
            data,
        ];
        let assigner = server(&args, "assigner", listen, &folder);
        let pods = (1..=POD_COUNT).map(|number| Pod::start(number, &assigner_url, &folder));
        let pods = pods.collect();
        let builder = Clerk::builder(TARGET).assigner(&assigner_url).settings(patient());
        let cluster = Self {
            assigner_url,
            clerk: builder.connect().await.unwrap(),
            pods,
            _assigner: assigner,
            _folder: folder,
        };
        cluster.is_owned_by(|owners| owners.len() == POD_COUNT).await;
        for number in 0..KEY_COUNT {
            add(&cluster.clerk, &key(number)).await.unwrap();
        }
        cluster
    }

    /// Waits until the clerk routes by an assignment whose pods are as wanted.
    async fn is_owned_by(&self, wanted: impl Fn(&BTreeSet<String>) -> bool) {
        let mut newest = self.clerk.assignment();
        let is_there = newest.wait_for(|held| {
            let pods = held.iter().flat_map(|held| held.assignment.pods());
            wanted(&pods.map(|pod| pod.name.as_str().to_owned()).collect())
        });
        timeout(DEADLINE, is_there).await.unwrap().unwrap();
    }

    fn viewers(&self) -> Viewers {
        Viewers::start(&self.clerk, (0..KEY_COUNT).map(key), |_, _| true)
    }

    /// A key that the pod owns.
    fn key_of(&self, pod: &str) -> String {
        let owner_of = |key: &String| self.clerk.owner_of(key).map(|owner| owner.name.as_str().to_owned());
        let mut keys = (0..KEY_COUNT).map(key);
        keys.find(|key| owner_of(key).as_deref() == Some(pod)).unwrap()
    }

    fn admin(&self, args: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_emberkeep"));
        let command = command.args(["admin", "--assigner", &self.assigner_url]).args(args);
        printed(command).unwrap();
    }
}

impl Pod {
    fn start(number: usize, assigner_url: &str, folder: &TempDir) -> Self {
        let (address, http) = (free_address(), free_address());
        let name = format!("pod-{number}");
        let place = |file: &str| folder.path().join(file).display().to_string();
        let args = [
            "dev-pod".to_owned(),
            "--writable".to_owned(),
            format!("--name={name}"),
            format!("--listen={address}"),
            format!("--http={http}"),
            format!("--assigner={assigner_url}"),
            format!("--store=folder://{}", place("objects")),
            format!("--reads={}", place(&format!("{name}.reads"))),
        ];
        let server = server(&args, &name, address, folder);
        Self { name, address, server }
    }

    /// Asks this pod and no other; answers whether it says that it does not own the key.
    async fn denies(&self, key: &str) -> bool {
        let Ok(mut client) = DemoClient::connect(format!("http://{}", self.address)).await else {
            return false;
        };
        let asked = timeout(DEADLINE, client.view(view_of(key))).await.unwrap();
        asked.is_err_and(|status| NotOwner::from_status(&status).is_some())
    }
}

fn server(args: &[String], name: &str, address: SocketAddr, folder: &TempDir) -> Server {
    let log = File::create(folder.path().join(format!("{name}.log"))).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_emberkeep"));
    Server::listening(command.args(args).stdout(Stdio::null()).stderr(log), address)
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
async fn requests_go_around_a_pod_that_is_killed_and_none_fails_before_its_answer_has_begun() {
    let mut cluster = Cluster::start().await;
    let mut viewers = cluster.viewers();
    let name = cluster.pods[0].name.clone();
    viewers.until(|pods| pods.contains(&name)).await;
    let killed_at = Instant::now();
    cluster.pods[0].server.kill();
    cluster.is_owned_by(|owners| !owners.contains(&name)).await;
    eprintln!(
        "every clerk goes around the pod {:.3?} after kill -9",
        killed_at.elapsed()
    );
    viewers.end().await;
    for number in 0..KEY_COUNT {
        assert_ne!(view(&cluster.clerk, &key(number)).await.unwrap().pod, name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_go_around_a_pod_that_is_frozen_and_it_finds_out_what_it_lost_when_it_goes_on() {
    let cluster = Cluster::start().await;
    let mut viewers = cluster.viewers();
    let frozen = &cluster.pods[0];
    viewers.until(|pods| pods.contains(&frozen.name)).await;
    let lost = cluster.key_of(&frozen.name);
    let frozen_at = Instant::now();
    frozen.server.signal("STOP");
    cluster.is_owned_by(|owners| !owners.contains(&frozen.name)).await;
    eprintln!(
        "every clerk goes around the pod {:.3?} after SIGSTOP",
        frozen_at.elapsed()
    );
    assert_ne!(view(&cluster.clerk, &lost).await.unwrap().pod, frozen.name);

    // Nothing is given back to it before it was seen to know what it lost.
    cluster.admin(&["freeze", TARGET]);
    frozen.server.signal("CONT");
    let denial = || async { frozen.denies(&lost).await.then_some(()) };
    eventually("the pod knows that it does not own the key", denial).await;
    cluster.admin(&["unfreeze", TARGET]);
    cluster.is_owned_by(|owners| owners.contains(&frozen.name)).await;
    viewers.end().await;
}
