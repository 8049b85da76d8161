//! `emberkeep sim run`: a scenario, played in a simulated cluster.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use emberkeep_sim::scenario::{Scenario, difference};

use crate::exit::CommandError;

/// Play a scenario: a cluster, what happens to it, and what is expected to come of it
///
/// Prints the timeline and the summary. Where the scenario says below a line of hyphens what is expected and something
/// else comes out, the difference is shown and the exit code is 1.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The scenario; sim/scenarios has some to copy from
    #[arg(value_name = "SCENARIO.txt")]
    scenario: PathBuf,
    /// Play it with this seed instead of its own; what is expected does not count then
    #[arg(long)]
    seed: Option<u64>,
}

/// Plays it, prints what came of it, and compares.
pub(super) fn run(args: &RunArgs) -> Result<(), CommandError> {
    let path = args.scenario.display();
    let text = fs::read_to_string(&args.scenario)
        .map_err(|error| CommandError::bad_input(format!("cannot read scenario {path}: {error}")))?;
    let scenario =
        Scenario::parse(&text).map_err(|error| CommandError::bad_input(format!("scenario {path}, {error}")))?;
    let outcome = scenario.run(args.seed);
    let is_compared = args.seed.is_none() && !scenario.expected().is_empty();
    match difference(scenario.expected(), &outcome).filter(|_| is_compared) {
        None => print(&outcome),
        Some(shown) => {
            print(&shown)?;
            Err(CommandError::failed(format!(
                "scenario {path} comes out otherwise than it says"
            )))
        }
    }
}

fn print(text: &str) -> Result<(), CommandError> {
    let written = std::io::stdout().write_all(text.as_bytes());
    written.map_err(|error| CommandError::failed(format!("cannot print the outcome: {error}")))
}
