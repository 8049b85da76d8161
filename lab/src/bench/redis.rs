//! A Redis server to compare with, and a minimal client.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use emberkeep_runtime::free_port::free_port;

use crate::{DEADLINE, LabError};

const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A server without persistence and one connection to it. The server ends when this is dropped.
#[derive(Debug)]
pub(super) struct Redis {
    process: Child,
    connection: BufReader<TcpStream>,
}

impl Redis {
    /// Starts `redis-server`; none if it is not installed.
    pub(super) fn start(folder: &Path) -> Result<Option<Self>, LabError> {
        let port = free_port()?;
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let mut process = match command.spawn() {
            Ok(process) => process,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LabError::failed(format!("cannot start redis-server: {error}"))),
        };
        match connect(port) {
            Ok(connection) => Ok(Some(Self { process, connection })),
            Err(error) => {
                let _ = process.kill();
                let _ = process.wait();
                Err(LabError::failed(format!(
                    "redis-server does not answer at port {port}: {error}"
                )))
            }
        }
    }

    pub(super) fn set(&mut self, key: &str, value: &[u8]) -> Result<(), LabError> {
        self.call(&[b"SET", key.as_bytes(), value]).map(drop).map_err(failed)
    }

    pub(super) fn get(&mut self, key: &str) -> Result<Vec<u8>, LabError> {
        self.call(&[b"GET", key.as_bytes()]).map_err(failed)
    }

    /// Sends a command; returns the status or the value.
    fn call(&mut self, arguments: &[&[u8]]) -> io::Result<Vec<u8>> {
        let mut request = format!("*{}\r\n", arguments.len()).into_bytes();
        for argument in arguments {
            request.extend(format!("${}\r\n", argument.len()).bytes());
            request.extend(*argument);
            request.extend(b"\r\n");
        }
        self.connection.get_mut().write_all(&request)?;
        let mut head = String::new();
        self.connection.read_line(&mut head)?;
        let head = head.trim_end();
        match head.split_at_checked(1) {
            Some(("+", status)) => Ok(status.into()),
            Some(("$", length)) => self.value(length.parse().map_err(io::Error::other)?),
            Some(_) | None => Err(io::Error::other(format!("it answered {head:?}"))),
        }
    }

    fn value(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut value = vec![0; length + 2];
        self.connection.read_exact(&mut value)?;
        value.truncate(length);
        Ok(value)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It fails only if the process has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn connect(port: u16) -> io::Result<BufReader<TcpStream>> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Ok(connection) => {
                connection.set_nodelay(true)?;
                connection.set_read_timeout(Some(DEADLINE))?;
                return Ok(BufReader::with_capacity(64 << 10, connection));
            }
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => std::thread::sleep(POLL_INTERVAL),
        }
    }
}

fn failed(error: io::Error) -> LabError {
    LabError::failed(format!("redis-server: {error}"))
}
