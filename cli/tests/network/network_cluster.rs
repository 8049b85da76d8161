//! A cluster with one host per process, and a client of it.

use std::sync::Arc;

use bytes::Bytes;
use emberkeep_clerk::{Clerk, ClerkSettings};
use emberkeep_core::assignment::{Assignment, Phase};
use emberkeep_lab::cluster::{DataFolder, FailureLogs, ProcessCluster, ProcessClusterSettings, StoreChoice};
use emberkeep_lab::demo::TARGET;
use emberkeep_lab::load::{Viewers, view, wait_until_assigned, write_missing};
use emberkeep_proto::pb;
use xxhash_rust::xxh64::xxh64;

use super::host::Host;
use super::namespace_launcher::NamespaceLauncher;
use super::wires::Wires;
use crate::BINARY;

const POD_COUNT: u8 = 3;
const KEY_COUNT: usize = 30;
const VALUE_SIZE: usize = 16 << 10;
/// More load than the test produces: slices move only because pods start and end, or on request.
const MAX_LOAD_HINT_MILLI: u64 = 1_000_000_000;
/// Few slices, so that a handoff takes seconds.
const SLICES_PER_POD_MIN: u32 = 8;
/// A tenth of the default: tests wait until former owners have left.
const LEAVE_LINGER_MS: u64 = 500;

/// One assigner, three pods, and a clerk. The processes end with it.
pub(crate) struct NetworkCluster {
    _logs: FailureLogs,
    pub(crate) wires: Arc<Wires>,
    pub(crate) clerk: Clerk,
    pub(crate) processes: ProcessCluster,
    /// The hosts of the pods.
    pub(crate) pods: Vec<Host>,
    pub(crate) assigner: Host,
}

impl NetworkCluster {
    /// Starts a cluster, and waits until each pod owns slices, no slice moves and each value is warm.
    pub(crate) async fn start(settings: ClerkSettings) -> Self {
        let pods: Vec<Host> = (1..=POD_COUNT).map(Host::pod).collect();
        let assigner = Host::assigner();
        let wires = Arc::new(Wires::lay(std::iter::once(assigner.clone()).chain(pods.clone())));
        let folder = DataFolder::open(None).unwrap();
        let launcher = NamespaceLauncher::new(Arc::clone(&wires), folder.root());
        let cluster_settings = ProcessClusterSettings {
            launcher: Arc::new(launcher),
            ..ProcessClusterSettings::new(BINARY.into())
        };
        let processes = ProcessCluster::start(folder, StoreChoice::Folder, cluster_settings);
        let mut processes = processes.await.unwrap();
        write_objects(&processes).await;
        let target = pb::TargetSettings {
            max_load_hint_milli: Some(MAX_LOAD_HINT_MILLI),
            slices_per_pod_min: Some(SLICES_PER_POD_MIN),
            leave_linger_ms: Some(LEAVE_LINGER_MS),
            ..Default::default()
        };
        processes.create_target(TARGET, target).await.unwrap();
        processes.start_pods(POD_COUNT.into()).await.unwrap();
        let builder = Clerk::builder(TARGET).assigner(&processes.assigner_urls()[0]);
        let cluster = Self {
            _logs: FailureLogs::of(processes.folder()),
            wires,
            clerk: builder.settings(settings).connect().await.unwrap(),
            processes,
            pods,
            assigner,
        };
        wait_until_assigned(&cluster.clerk, is_settled).await.unwrap();
        for key in keys() {
            view(&cluster.clerk, &key).await.unwrap();
        }
        cluster
    }

    /// Clients of all keys, which check the answers.
    pub(crate) fn viewers(&self) -> Viewers {
        Viewers::start(&self.clerk, keys(), |key, answer| answer.value == value_of(key))
    }

    /// The name of the key's owner.
    pub(crate) fn owner_of(&self, key: &str) -> String {
        self.clerk.owner_of(key).unwrap().name.as_str().to_owned()
    }

    /// A key that the pod owns.
    pub(crate) fn key_of(&self, pod: &Host) -> String {
        keys().find(|key| self.owner_of(key) == pod.name).unwrap()
    }

    /// Runs `emberkeep admin`, which must succeed.
    pub(crate) async fn admin(&self, args: &[&str]) {
        self.processes.operator_command().run(args).await.unwrap();
    }
}

/// Whether all pods own slices, and no replica is warming or leaving.
fn is_settled(assignment: &Assignment) -> bool {
    let mut replicas = assignment.slices().values().flat_map(|state| state.replicas.iter());
    let are_all_serving = replicas.all(|replica| replica.phase == Phase::Serving);
    are_all_serving && assignment.pods().len() == usize::from(POD_COUNT)
}

pub(crate) fn keys() -> impl Iterator<Item = String> {
    (0..KEY_COUNT).map(|number| format!("key-{number}"))
}

/// Hashes of the key: incompressible, and different for each key.
fn value_of(key: &str) -> Vec<u8> {
    let hashes = (0..VALUE_SIZE / size_of::<u64>()).map(|number| xxh64(key.as_bytes(), number as u64));
    hashes.flat_map(u64::to_be_bytes).collect()
}

async fn write_objects(processes: &ProcessCluster) {
    let keys: Vec<Arc<str>> = keys().map(Arc::from).collect();
    let value = |key: &str| Bytes::from(value_of(key));
    let store = &processes.storage().store;
    write_missing(store, TARGET, &keys, value, |_, _| {}).await.unwrap();
}
