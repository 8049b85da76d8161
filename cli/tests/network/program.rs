//! One process of ours in a namespace of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::host::Host;
use super::wires::Wires;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_emberkeep");
/// How long anything may take that must happen: only a fault reaches it.
const DEADLINE: Duration = Duration::from_secs(60);
/// Says that it has a namespace, and runs the program there once it was connected.
const IN_NAMESPACE: &str = r#"echo inside; read -r _; ip -batch "$0" && exec "$@""#;

/// A running process. It is killed when this is dropped, and ends by itself when the test is gone. The namespace, and
/// the wire to it, are gone with it.
pub(crate) struct Program {
    child: Child,
    log: PathBuf,
    _lifeline: ChildStdin,
}

impl Program {
    /// Starts the binary with these arguments at the host, and waits until it says that it is ready.
    pub(crate) async fn start(args: &[String], host: &Host, wires: &Wires, folder: &Path) -> Self {
        let log = folder.join(format!("{}.log", host.name));
        let configuration = folder.join(format!("{}.ip", host.name));
        // Packets leave it as they are on a wire, one by one, so that each can be lost or late by itself.
        let lines = format!(
            "link set lo up\nlink set eth0 gso_max_segs 1\n{}",
            wires.configuration_of(host, "eth0")
        );
        fs::write(&configuration, lines).unwrap();
        let mut child = Command::new("unshare")
            .args(["--net", "sh", "-c", IN_NAMESPACE])
            .arg(configuration)
            .arg(BINARY)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lifeline = child.stdin.take().unwrap();
        says(&mut output, "inside", &log).await;
        wires.connect(host, child.id().unwrap());
        lifeline.write_all(b"\n").await.unwrap();
        says(&mut output, "ready:", &log).await;
        Self {
            child,
            log,
            _lifeline: lifeline,
        }
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        timeout(DEADLINE, self.child.wait()).await.unwrap().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            eprintln!("{}:\n{log}", self.log.display());
        }
    }
}

async fn says(output: &mut Lines<BufReader<ChildStdout>>, beginning: &str, log: &Path) {
    let line = timeout(DEADLINE, output.next_line()).await.unwrap().unwrap();
    if !line.as_ref().is_some_and(|line| line.starts_with(beginning)) {
        panic!("{line:?} is not {beginning}: {}", fs::read_to_string(log).unwrap());
    }
}
