//! The cluster of a measurement: an object store and an assigner, for slicelets in this process or others.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use crate::LabError;
use crate::cluster::{DataFolder, PodOptions, ProcessCluster, ProcessClusterSettings, StoreChoice};
use crate::load::write_missing;
use crate::report::{ProgressEvent, ShowProgress};

/// The environment of a measurement.
#[derive(Debug)]
pub struct BenchEnvironment {
    /// The binary `emberkeep` that each process runs.
    pub program: PathBuf,
    /// The folder of all data.
    pub folder: DataFolder,
    /// The location of the objects.
    pub store: StoreChoice,
}

/// Starts the object store and the assigner.
pub(super) async fn start(
    environment: BenchEnvironment,
    pods: PodOptions,
    show: ShowProgress<'_>,
) -> Result<ProcessCluster, LabError> {
    show(ProgressEvent::Step("starting store and assigner"));
    let settings = ProcessClusterSettings {
        pods,
        ..ProcessClusterSettings::new(environment.program)
    };
    ProcessCluster::start(environment.folder, environment.store, settings).await
}

/// Writes the missing objects of a target.
pub(super) async fn write_objects(
    cluster: &ProcessCluster,
    target: &str,
    keys: &[Arc<str>],
    value_of: impl Fn(&str) -> Bytes,
    show: ShowProgress<'_>,
) -> Result<(), LabError> {
    show(ProgressEvent::Step(&format!("writing up to {} objects", keys.len())));
    write_missing(&cluster.storage().store, target, keys, value_of, |_, _| {}).await
}

/// An empty folder for the disk tier of a pod.
pub(super) fn empty_disk_tier(cluster: &ProcessCluster, pod: &str) -> Result<PathBuf, LabError> {
    let path = cluster.folder().root().join("disk").join(pod);
    match std::fs::remove_dir_all(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(LabError::bad_input(format!("cannot empty {}: {error}", path.display())))
        }
        Ok(()) | Err(_) => Ok(path),
    }
}
