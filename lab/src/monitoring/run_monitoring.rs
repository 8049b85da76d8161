//! The monitoring of one run.

use std::net::Ipv4Addr;
use std::path::Path;

use emberkeep_clerk::Clerk;
use prometheus::Registry;

use super::client_page::ClientPage;
use super::prometheus_process::PrometheusProcess;
use super::scrape_config::ScrapeConfig;
use super::scrape_targets::ScrapeTargets;
use crate::LabError;

/// The metrics page of the clients, and, if wanted, a configuration of Prometheus and a server with it. Dropping it ends
/// the page and the server.
#[derive(Debug)]
pub struct RunMonitoring {
    page: ClientPage,
    config: Option<ScrapeConfig>,
    prometheus: Option<PrometheusProcess>,
    is_prometheus_missing: bool,
}

impl RunMonitoring {
    /// Serves the clients' metrics. With a `folder`, writes a configuration of Prometheus there; with `prometheus`, starts
    /// a server with it, if one is installed.
    ///
    /// # Errors
    /// If no port is free, or a file cannot be written.
    pub async fn start(clerks: &[Clerk], folder: Option<&Path>, prometheus: bool) -> Result<Self, LabError> {
        let page = ClientPage::serve((Ipv4Addr::LOCALHOST, 0).into(), clerks).await?;
        let config = folder.map(|folder| ScrapeConfig::create(folder, page.address()));
        let config = config.transpose()?;
        let wanted = config.as_ref().zip(folder).filter(|_| prometheus);
        let server = match wanted {
            Some((config, folder)) => PrometheusProcess::start(config, folder)?,
            None => None,
        };
        Ok(Self {
            page,
            is_prometheus_missing: prometheus && server.is_none(),
            prometheus: server,
            config,
        })
    }

    /// The registry of the clients' metrics.
    pub const fn client_registry(&self) -> &Registry {
        self.page.registry()
    }

    /// Makes Prometheus scrape these processes.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn follow(&self, targets: impl FnOnce() -> ScrapeTargets) -> Result<(), LabError> {
        match &self.config {
            Some(config) => config.follow(targets()),
            None => Ok(()),
        }
    }

    /// One line for each part, with its URL or path.
    pub fn locations(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "{:<12} metrics at http://{}/metrics",
            "clients",
            self.page.address()
        )];
        if let Some(config) = &self.config {
            lines.push(format!("{:<12} {}", "scraping", config.file().display()));
        }
        if let Some(prometheus) = &self.prometheus {
            lines.push(format!("{:<12} http://{}", "prometheus", prometheus.address()));
        }
        if self.is_prometheus_missing {
            let hint =
                "not started: no program `prometheus` is installed; install it, or start one with the configuration";
            lines.push(format!("{:<12} {hint}", "prometheus"));
        }
        lines
    }
}
