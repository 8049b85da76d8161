//! The metrics page of a process.

use std::io;
use std::net::SocketAddr;

use emberkeep_runtime::http_get::http_get;

/// One scrape of `/metrics`, in the Prometheus text format.
#[derive(Debug, Clone)]
pub struct MetricsPage(String);

impl MetricsPage {
    /// Scrapes the process that serves metrics at this address.
    ///
    /// # Errors
    /// If it cannot be reached.
    pub async fn scrape(http: SocketAddr) -> io::Result<Self> {
        http_get(http, "/metrics").await.map(Self)
    }

    /// The lines of this metric.
    pub fn lines_of<'a>(&'a self, metric: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.lines().filter(move |line| line.starts_with(metric))
    }

    /// The sum of these lines' values, each a whole number.
    pub fn sum_of(&self, metric: &str) -> u64 {
        let values = self.lines_of(metric);
        values
            .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
            .sum()
    }
}
