//! Pods that serve writes, and clerks of them.

use emberkeep_clerk::{Clerk, ClerkSettings};
use emberkeep_lab::cluster::{DataFolder, PodOptions, ProcessCluster, ProcessClusterSettings, StoreChoice};
use emberkeep_lab::demo::TARGET;
use emberkeep_lab::load::wait_until_owned;
use emberkeep_proto::pb;

use crate::binary::BINARY;

/// Starts a cluster with this many pods, and waits until each owns slices.
pub(crate) async fn start(store: StoreChoice, target: pb::TargetSettings, pod_count: usize) -> ProcessCluster {
    let settings = ProcessClusterSettings {
        pods: PodOptions {
            are_writable: true,
            ..PodOptions::default()
        },
        ..ProcessClusterSettings::new(BINARY.into())
    };
    let folder = DataFolder::open(None).unwrap();
    let mut processes = ProcessCluster::start(folder, store, settings).await.unwrap();
    processes.create_target(TARGET, target).await.unwrap();
    processes.start_pods(pod_count).await.unwrap();
    let clerk = clerk(&processes, "starter", ClerkSettings::default()).await;
    wait_until_owned(&clerk, |owners| owners.len() == pod_count)
        .await
        .unwrap();
    processes
}

/// A clerk with its own connections.
pub(crate) async fn clerk(processes: &ProcessCluster, name: &str, settings: ClerkSettings) -> Clerk {
    let builder = Clerk::builder(TARGET).name(name).settings(settings);
    let builder = builder.assigner(&processes.assigner_urls()[0]);
    builder.connect().await.unwrap()
}
