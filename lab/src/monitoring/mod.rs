//! Monitoring of a run: the metrics of its clients, and a Prometheus that follows its processes.

mod client_page;
mod prometheus_process;
mod run_monitoring;
mod scrape_config;
mod scrape_targets;

pub(crate) use self::client_page::ClientPage;
pub use self::run_monitoring::RunMonitoring;
pub use self::scrape_targets::ScrapeTargets;
