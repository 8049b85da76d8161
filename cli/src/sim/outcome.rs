//! Replaying a trace, and writing results.

use std::fmt::Display;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use emberkeep_sim::load_trace::LoadTrace;
use emberkeep_sim::replay::{self, Balancer, ReplayTick};
use emberkeep_sim::score::Summary;
use serde::Serialize;

use super::sim_progress::SimProgress;
use crate::exit::CommandError;

/// Replays a trace with a fresh balancer; `watch` is called at every tick.
pub(super) fn replay(
    trace: &LoadTrace,
    balancer: &mut dyn Balancer,
    what: &str,
    progress: &SimProgress,
    mut watch: impl FnMut(&ReplayTick<'_>) -> Result<(), CommandError>,
) -> Result<Summary, CommandError> {
    let started = Instant::now();
    let shown = progress.stage(what, trace.end_ms());
    replay::replay(trace, balancer, &mut || started.elapsed(), &mut |tick| {
        shown.reach(tick.at_ms);
        watch(tick)
    })
}

/// Writes a value as indented JSON.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), CommandError> {
    let text = serde_json::to_string_pretty(value).expect("figures and names are JSON");
    write_text(path, &format!("{text}\n"))
}

/// Writes a text file.
pub(super) fn write_text(path: &Path, text: &str) -> Result<(), CommandError> {
    let written = std::fs::write(path, text);
    written.map_err(|error| CommandError::bad_input(format!("cannot write {}: {error}", path.display())))
}

/// Prints the result of the command.
pub(super) fn print(text: &impl Display) -> Result<(), CommandError> {
    let written = write!(std::io::stdout(), "{text}");
    written.map_err(|error| CommandError::failed(format!("cannot write the answer: {error}")))
}
