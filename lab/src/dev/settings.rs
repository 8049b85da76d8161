//! The settings of a run.

use std::path::PathBuf;
use std::time::Duration;

use emberkeep_clerk::ClerkSettings;

use crate::chaos::ChaosSettings;
use crate::cluster::StoreChoice;

/// What a run needs beside its schedule and its data folder.
#[derive(Debug, Clone)]
pub struct DevSettings {
    /// The binary `emberkeep` that each process runs.
    pub program: PathBuf,
    /// How many pods run the demo service.
    pub pods: u16,
    /// How many members the assigner has.
    pub assigners: u16,
    /// Where the objects are.
    pub store: StoreChoice,
    /// How long requests are sent; without it, until the schedule ends or the run is stopped.
    pub duration: Option<Duration>,
    /// The file to which the assigner's members record their events and decisions.
    pub record: Option<PathBuf>,
    /// Whether a new owner gets a slice's values before it serves.
    pub transfer: bool,
    /// How clients wait and retry.
    pub clerk: ClerkSettings,
    /// The disruptions during the run.
    pub chaos: ChaosSettings,
}
