//! The ready line of a process.

use std::io::Write;

use emberkeep_lab::cluster::READY;

use crate::exit::CommandError;

/// Prints the line for which the parent process waits.
pub(crate) fn announce(what: &str) -> Result<(), CommandError> {
    let mut output = std::io::stdout();
    writeln!(output, "{READY} {what}")
        .and_then(|()| output.flush())
        .map_err(|error| CommandError::failed(format!("cannot write to standard output: {error}")))
}
