//! One process of a cluster.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

use super::DEADLINE;

const BINARY: &str = env!("CARGO_BIN_EXE_emberkeep");

/// A running process. It is killed when this is dropped, and ends by itself when the test is gone.
pub(crate) struct Process {
    child: Child,
    _lifeline: ChildStdin,
}

impl Process {
    /// Starts a process and waits until it says that it is ready.
    pub(crate) async fn start(args: &[String], env: &[(&str, String)], log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).unwrap();
        let mut child = Command::new(BINARY)
            .args(args)
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap();
        if !line.as_ref().is_some_and(|line| line.starts_with("ready:")) {
            panic!("{args:?} did not start: {}", std::fs::read_to_string(log).unwrap());
        }
        Self {
            _lifeline: child.stdin.take().unwrap(),
            child,
        }
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) async fn kill(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert_eq!(ended, None, "it ended by itself");
        self.child.kill().await.unwrap();
    }
}

/// Runs a command to its end; what it complained of if it failed.
pub(super) async fn done(args: &[&str]) -> Result<(), String> {
    let output = Command::new(BINARY).args(args).kill_on_drop(true).output();
    let output = timeout(DEADLINE, output).await.unwrap().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    output.status.success().then_some(()).ok_or(complaint)
}

/// An address at which nobody listens, below those that the system gives to outgoing connections: a pod that is started
/// again finds it free.
pub(crate) fn free_address() -> SocketAddr {
    loop {
        let address = (Ipv4Addr::LOCALHOST, rand::random_range(20_000..32_000)).into();
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
