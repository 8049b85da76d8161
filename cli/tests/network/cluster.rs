//! A cluster of real processes, each at a host of its own, and a client of them.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use emberkeep_clerk::{Clerk, ClerkSettings};
use emberkeep_core::assignment::Assignment;
use emberkeep_lab::demo::pb::demo_client::DemoClient;
use emberkeep_proto::convert::NotOwner;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

use super::host::Host;
use super::objects::{self, keys, value_of};
use super::program::{BINARY, Program};
use super::wires::Wires;
use crate::viewers::{Viewers, view, view_of};

/// How long anything may take that must happen: only a fault reaches it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// The name of the demo's target.
pub(crate) const TARGET: &str = "demo";
const POD_COUNT: u8 = 3;

/// One assigner, three pods, and a clerk. They end with it.
pub(crate) struct Cluster {
    pub(crate) wires: Wires,
    pub(crate) clerk: Clerk,
    pub(crate) pods: Vec<Pod>,
    pub(crate) assigner: Host,
    _assigner: Program,
    _folder: TempDir,
}

pub(crate) struct Pod {
    pub(crate) host: Host,
    pub(crate) program: Program,
}

impl Cluster {
    /// Starts a cluster, and waits until all pods own something and each value is warm.
    pub(crate) async fn start(clerk: ClerkSettings) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path();
        let (assigner, pods) = (Host::assigner(), (1..=POD_COUNT).map(Host::pod));
        let wires = Wires::lay(std::iter::once(assigner.clone()).chain(pods.clone()));
        objects::write(&folder.join("objects")).await;
        let member = start_assigner(&assigner, &wires, folder).await;
        // Slices move because pods come and go or are told to, and for no other reason; a few, so that it takes seconds.
        let settings = ["--max-load-hint", "1000000", "--slices-per-pod-min", "8"];
        admin(&assigner, &[&["create-target", TARGET], settings.as_slice()].concat()).await;
        let mut started = Vec::new();
        for host in pods {
            let program = start_pod(&host, &assigner, &wires, folder).await;
            started.push(Pod { host, program });
        }
        let builder = Clerk::builder(TARGET).assigner(url_of(&assigner)).settings(clerk);
        let cluster = Self {
            wires,
            clerk: builder.connect().await.unwrap(),
            pods: started,
            assigner,
            _assigner: member,
            _folder: temporary,
        };
        cluster
            .is_owned_by(|owners| owners.len() == usize::from(POD_COUNT))
            .await;
        for key in keys() {
            view(&cluster.clerk, &key).await.unwrap();
        }
        cluster
    }

    /// Clients for all keys, each of which has to be given what is its key's.
    pub(crate) fn viewers(&self) -> Viewers {
        Viewers::start(&self.clerk, keys(), |key, answer| answer.value == value_of(key))
    }

    /// Waits until the clerk routes by an assignment that is as wanted.
    pub(crate) async fn is_assigned(&self, mut wanted: impl FnMut(&Assignment) -> bool) {
        let mut newest = self.clerk.assignment();
        let is_there = newest.wait_for(|held| held.as_ref().is_some_and(|held| wanted(&held.assignment)));
        timeout(DEADLINE, is_there).await.unwrap().unwrap();
    }

    /// Waits until the clerk routes by an assignment whose pods are as wanted.
    pub(crate) async fn is_owned_by(&self, wanted: impl Fn(&BTreeSet<&str>) -> bool) {
        self.is_assigned(|held| wanted(&held.pods().iter().map(|pod| pod.name.as_str()).collect()))
            .await;
    }

    /// Who owns the key.
    pub(crate) fn owner_of(&self, key: &str) -> String {
        self.clerk.owner_of(key).unwrap().name.as_str().to_owned()
    }

    /// Runs `emberkeep admin`, which has to succeed.
    pub(crate) async fn admin(&self, args: &[&str]) {
        admin(&self.assigner, args).await;
    }
}

impl Pod {
    /// A key that it owns.
    pub(crate) fn key(&self, cluster: &Cluster) -> String {
        keys().find(|key| cluster.owner_of(key) == self.host.name).unwrap()
    }

    /// Asks this pod and no other; answers whether it says that it does not own the key.
    pub(crate) async fn denies(&self, key: &str) -> bool {
        let Ok(mut client) = DemoClient::connect(url_of(&self.host)).await else {
            return false;
        };
        let asked = timeout(DEADLINE, client.view(view_of(key))).await.unwrap();
        asked.is_err_and(|status| NotOwner::from_status(&status).is_some())
    }
}

fn url_of(host: &Host) -> String {
    format!("http://{}", host.listen())
}

async fn start_assigner(host: &Host, wires: &Wires, folder: &Path) -> Program {
    let args = [
        "assigner".to_owned(),
        "--with-parent".to_owned(),
        format!("--listen={}", host.listen()),
        format!("--http={}", host.http()),
        format!("--data={}", folder.join("assigner").display()),
    ];
    Program::start(&args, host, wires, folder).await
}

async fn start_pod(host: &Host, assigner: &Host, wires: &Wires, folder: &Path) -> Program {
    let name = &host.name;
    let args = [
        "dev-pod".to_owned(),
        format!("--name={name}"),
        format!("--listen={}", host.listen()),
        format!("--http={}", host.http()),
        format!("--assigner={}", url_of(assigner)),
        format!("--store=folder://{}", folder.join("objects").display()),
        format!("--reads={}", folder.join(format!("{name}.reads")).display()),
    ];
    Program::start(&args, host, wires, folder).await
}

async fn admin(assigner: &Host, args: &[&str]) {
    let mut command = Command::new(BINARY);
    let command = command.args(["admin", "--assigner", &url_of(assigner)]).args(args);
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = timeout(DEADLINE, output).await.unwrap().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {complaint}");
}
