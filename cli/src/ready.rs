//! How a process says that it does its work from now on.

use std::io::Write;

use crate::exit::Failure;

/// The beginning of the line on standard output.
pub(crate) const READY: &str = "ready:";

/// Says it to whoever started the process.
pub(crate) fn announce(what: &str) -> Result<(), Failure> {
    let mut output = std::io::stdout();
    writeln!(output, "{READY} {what}")
        .and_then(|()| output.flush())
        .map_err(|error| Failure::failed(format!("cannot write to standard output: {error}")))
}
