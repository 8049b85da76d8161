//! The metrics page of a process.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One scrape of `/metrics`, in the Prometheus text format.
#[derive(Debug, Clone)]
pub struct MetricsPage(String);

impl MetricsPage {
    /// Scrapes the process that serves metrics at this address.
    ///
    /// # Errors
    /// If it cannot be reached.
    pub async fn scrape(http: SocketAddr) -> io::Result<Self> {
        let mut connection = TcpStream::connect(http).await?;
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await?;
        let mut page = String::new();
        connection.read_to_string(&mut page).await?;
        Ok(Self(page))
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
