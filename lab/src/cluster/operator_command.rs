//! `emberkeep admin` as an operator runs it.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;
use tokio::time::timeout;

use crate::{DEADLINE, LabError};

/// Runs commands against one cluster.
#[derive(Debug, Clone)]
pub struct OperatorCommand {
    pub(super) program: PathBuf,
    /// The URL of a member of the assigner.
    pub(super) assigner: String,
}

impl OperatorCommand {
    /// Runs a command to its end.
    ///
    /// # Errors
    /// The command's standard error, if it fails.
    pub async fn run(&self, args: &[&str]) -> Result<(), LabError> {
        let mut command = Command::new(&self.program);
        let command = command.args(["admin", "--assigner", &self.assigner]).args(args);
        let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
        let late = |_| LabError::failed(format!("admin {args:?} took longer than {DEADLINE:?}"));
        let output = timeout(DEADLINE, output).await.map_err(late)?;
        let output = output.map_err(|error| LabError::failed(format!("cannot run admin {args:?}: {error}")))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(LabError::failed(String::from_utf8_lossy(&output.stderr))),
        }
    }
}
