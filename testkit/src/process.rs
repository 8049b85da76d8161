//! The programs under test, as processes of their own.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic, as tests may")]

use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use crate::deadline::wait_for;

/// A running server; killed with `kill -9` when dropped.
#[derive(Debug)]
pub struct Server(Child);

impl Server {
    /// Starts a server and waits until it listens at `address`. Its standard input ends with the test, however that
    /// ends, and so does a server that ends with its parent.
    pub fn listening(command: &mut Command, address: SocketAddr) -> Self {
        let mut server = Self(command.stdin(Stdio::piped()).spawn().unwrap());
        wait_for("listening", || {
            assert_eq!(
                server.0.try_wait().unwrap(),
                None,
                "it ended before it listened at {address}"
            );
            TcpStream::connect(address).ok()
        });
        server
    }

    /// Asks it to stop, as Kubernetes does, and waits for its end.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        wait_for("the end", || self.0.try_wait().unwrap())
    }

    /// `kill -9`, and waits for its end.
    pub fn kill(&mut self) -> ExitStatus {
        self.signal("KILL");
        wait_for("the end", || self.0.try_wait().unwrap())
    }

    /// Sends it a signal, as `STOP`, which freezes it, and `CONT`, which lets it go on.
    pub fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap();
        assert!(sent.success(), "it is running");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program that ends by itself within its own deadlines; answers what it printed, or what it complained of.
pub fn printed(command: &mut Command) -> Result<String, String> {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if status.success() {
        Ok(text(stdout))
    } else {
        Err(text(stderr))
    }
}
