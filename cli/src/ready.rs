//! How a process reports that it is ready.

use std::io::Write;

use emberkeep_lab::cluster::READY;

use crate::exit::CommandError;

/// Prints the line that the process which started this one waits for.
pub(crate) fn announce(what: &str) -> Result<(), CommandError> {
    let mut output = std::io::stdout();
    writeln!(output, "{READY} {what}")
        .and_then(|()| output.flush())
        .map_err(|error| CommandError::failed(format!("cannot write to standard output: {error}")))
}
