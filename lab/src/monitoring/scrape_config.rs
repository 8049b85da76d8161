//! A Prometheus configuration in a folder, whose targets follow the processes of a cluster.
//!
//! ```text
//! prometheus.yaml              jobs assigner, slicelet and clerk
//! rules/                       recording rules and alerts
//! targets/assigner.json, ...   the addresses, rewritten when a process starts or ends
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::scrape_targets::{ScrapeTargets, groups};
use crate::LabError;

const CONFIG: &str = include_str!("prometheus.yaml");
const RULES: [(&str, &str); 2] = [
    (
        "recording.yaml",
        include_str!("../../../dashboards/rules/recording.yaml"),
    ),
    ("alerts.yaml", include_str!("../../../dashboards/rules/alerts.yaml")),
];

/// The configuration, and the targets that were written last.
#[derive(Debug)]
pub(super) struct ScrapeConfig {
    folder: PathBuf,
    written: Mutex<ScrapeTargets>,
}

impl ScrapeConfig {
    /// Writes the configuration to this folder, which is created if it is missing. `clients` is the address of the
    /// clients' metrics.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub(super) fn create(folder: &Path, clients: SocketAddr) -> Result<Self, LabError> {
        let config = Self {
            folder: folder.to_owned(),
            written: Mutex::default(),
        };
        config.write("prometheus.yaml", CONFIG)?;
        for (name, rules) in RULES {
            config.write(&format!("rules/{name}"), rules)?;
        }
        config.write_targets("clerk", &BTreeMap::from([("dev".to_owned(), clients)]))?;
        config.write_processes(&ScrapeTargets::default())?;
        Ok(config)
    }

    /// Rewrites the targets if they have changed.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub(super) fn follow(&self, targets: ScrapeTargets) -> Result<(), LabError> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if *written != targets {
            self.write_processes(&targets)?;
            *written = targets;
        }
        Ok(())
    }

    /// The path of `prometheus.yaml`.
    pub(super) fn file(&self) -> PathBuf {
        self.folder.join("prometheus.yaml")
    }

    fn write_processes(&self, targets: &ScrapeTargets) -> Result<(), LabError> {
        self.write_targets("assigner", &targets.assigners)?;
        self.write_targets("slicelet", &targets.slicelets)
    }

    fn write_targets(&self, job: &str, processes: &BTreeMap<String, SocketAddr>) -> Result<(), LabError> {
        let json = serde_json::to_string_pretty(&groups(processes)).map_err(LabError::failed)?;
        self.write(&format!("targets/{job}.json"), &json)
    }

    /// Replaces a file as a whole, so that Prometheus never reads a part of it.
    fn write(&self, name: &str, text: &str) -> Result<(), LabError> {
        let path = self.folder.join(name);
        let unfinished = path.with_extension("tmp");
        let parent = path.parent().unwrap_or(&self.folder);
        let written = fs::create_dir_all(parent)
            .and_then(|()| fs::write(&unfinished, text))
            .and_then(|()| fs::rename(&unfinished, &path));
        written.map_err(|error| LabError::failed(format!("cannot write {}: {error}", path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_follow_the_processes() {
        let folder = tempfile::tempdir().unwrap();
        let config = ScrapeConfig::create(folder.path(), "127.0.0.1:1".parse().unwrap()).unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(read("targets/clerk.json").contains("127.0.0.1:1"));
        assert_eq!(read("targets/slicelet.json"), "[]");
        let pod = |port: u16| ("pod-1".to_owned(), SocketAddr::from(([127, 0, 0, 1], port)));
        for port in [2, 3] {
            let slicelets = BTreeMap::from([pod(port)]);
            let targets = ScrapeTargets {
                slicelets,
                ..ScrapeTargets::default()
            };
            config.follow(targets).unwrap();
            let text = read("targets/slicelet.json");
            assert!(
                text.contains(&format!("127.0.0.1:{port}")) && text.contains("pod-1"),
                "{text}"
            );
        }
        assert!(read("prometheus.yaml").contains("targets/slicelet.json"));
        assert!(read("rules/alerts.yaml").contains("alert:"));
    }
}
