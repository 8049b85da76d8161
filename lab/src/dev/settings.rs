//! The settings of a run.

use std::path::PathBuf;
use std::time::Duration;

use emberkeep_clerk::ClerkSettings;

use crate::chaos::ChaosSettings;
use crate::cluster::StoreChoice;

/// The settings of a run, except its schedule and its data folder.
#[derive(Debug, Clone)]
pub struct DevSettings {
    /// The binary `emberkeep` that each process runs.
    pub program: PathBuf,
    /// The number of pods of the demo service.
    pub pods: u16,
    /// The number of members of the assigner.
    pub assigners: u16,
    /// The location of the objects.
    pub store: StoreChoice,
    /// The duration of requests; `None` for the end of the schedule or a stop of the run.
    pub duration: Option<Duration>,
    /// The file to which the assigner's members record their events and decisions.
    pub record: Option<PathBuf>,
    /// The folder for a configuration of Prometheus; `None` for none, or one in the data folder with `prometheus`.
    pub metrics_folder: Option<PathBuf>,
    /// Whether to start a Prometheus server, if one is installed.
    pub prometheus: bool,
    /// The flags of all processes for the export of telemetry.
    pub telemetry: Vec<String>,
    /// Pods log one request in so many; 0 for none.
    pub logs_one_in: u64,
    /// Whether a new owner gets a slice's values before it serves.
    pub transfer: bool,
    /// The waiting and retry settings of clients.
    pub clerk: ClerkSettings,
    /// The disruptions during the run.
    pub chaos: ChaosSettings,
}
