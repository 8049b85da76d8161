//! Reading a page over HTTP, such as the metrics of another process.

use std::fmt::Display;
use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The whole answer to a GET: status line, headers and body.
///
/// # Errors
/// If no server answers at `address`, or the connection breaks before the end of the answer.
pub async fn http_get(address: impl Display, path: &str) -> io::Result<String> {
    let address = address.to_string();
    let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    exchange(&address, &head, &mut answer).await?;
    String::from_utf8(answer).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Sends a request that asks the server to close the connection, and appends to `answer` what arrives until it does.
///
/// # Errors
/// As [`http_get`]; `answer` then holds what arrived before.
pub async fn exchange(address: &str, request: &str, answer: &mut Vec<u8>) -> io::Result<()> {
    let mut connection = TcpStream::connect(address).await?;
    connection.write_all(request.as_bytes()).await?;
    connection.read_to_end(answer).await.map(drop)
}
