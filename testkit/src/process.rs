//! The programs under test, as processes.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic, as tests may")]

use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use crate::deadline::wait_for;

/// A server that runs as a process; killed with SIGKILL when dropped.
#[derive(Debug)]
pub struct ServerProcess(Child);

impl ServerProcess {
    /// Starts a server and waits until it listens at `address`. Its standard input is closed when the test process ends, even
    /// by a kill, so that a server that watches it ends too.
    pub fn listening(command: &mut Command, address: SocketAddr) -> Self {
        let mut server = Self(command.stdin(Stdio::piped()).spawn().unwrap());
        wait_for("the start of a server", || {
            assert_eq!(
                server.0.try_wait().unwrap(),
                None,
                "the process ended before it listened at {address}"
            );
            TcpStream::connect(address).ok()
        });
        server
    }

    /// Sends SIGTERM, as Kubernetes does, and waits for the end of the process.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        wait_for("the end of a server", || self.0.try_wait().unwrap())
    }

    /// Sends SIGKILL, and waits for the end of the process.
    pub fn kill(&mut self) -> ExitStatus {
        self.signal("KILL");
        wait_for("the end of a server", || self.0.try_wait().unwrap())
    }

    /// Sends a signal, such as `STOP`, which freezes the process, and `CONT`, which resumes it.
    pub fn signal(&self, name: &str) {
        send_signal(&self.0, name);
    }
}

/// Sends a signal to a process that has not been waited for.
pub fn send_signal(process: &Child, name: &str) {
    let id = process.id().to_string();
    let sent = Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap();
    assert!(sent.success(), "the process has ended");
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program to its end, which its own deadlines bound; returns its standard output, or its standard error if it fails.
///
/// # Errors
/// The standard error of the program, if its exit status is not zero.
pub fn run(command: &mut Command) -> Result<String, String> {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if status.success() {
        Ok(text(stdout))
    } else {
        Err(text(stderr))
    }
}
