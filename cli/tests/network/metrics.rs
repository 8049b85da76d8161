//! What a process shows of itself.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The page of all metrics.
pub(crate) async fn metrics(http: SocketAddr) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(http).await?;
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let mut page = String::new();
    connection.read_to_string(&mut page).await?;
    Ok(page)
}

/// The sum of all lines of that metric.
pub(crate) fn sum_of(page: &str, metric: &str) -> u64 {
    let values = page.lines().filter(|line| line.starts_with(metric));
    let values = values.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    values.sum()
}
