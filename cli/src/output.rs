//! The output of a command: on standard output, and as JSON in a file.

use std::fmt::Display;
use std::fs::File;
use std::io::Write;

use emberkeep_lab::cluster::READY;
use serde::Serialize;

use crate::exit::CommandError;

/// Prints on standard output, at once.
pub(crate) fn print(text: impl Display) -> Result<(), CommandError> {
    let mut output = std::io::stdout();
    write!(output, "{text}")
        .and_then(|()| output.flush())
        .map_err(|error| CommandError::failed(format!("cannot write to standard output: {error}")))
}

/// Prints the line for which the parent process waits.
pub(crate) fn announce(what: &str) -> Result<(), CommandError> {
    print(format_args!("{READY} {what}\n"))
}

/// Writes a value as indented JSON.
pub(crate) fn write_json(mut file: File, value: &impl Serialize) -> Result<(), CommandError> {
    let text = serde_json::to_string_pretty(value).expect("figures and names are JSON");
    writeln!(file, "{text}").map_err(|error| CommandError::failed(format!("cannot write the report: {error}")))
}

/// Prints the report of a run and writes it to the file; fails if some of these items were wrong.
pub(crate) fn report(
    report: &(impl Display + Serialize),
    json: Option<File>,
    items: &str,
    wrong_count: u64,
) -> Result<(), CommandError> {
    json.map_or(Ok(()), |file| write_json(file, report))?;
    print(report)?;
    match wrong_count {
        0 => Ok(()),
        count => Err(CommandError::failed(format!("{count} {items} were wrong"))),
    }
}
