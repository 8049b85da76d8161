//! `emberkeep sim run`: a scenario in a simulated cluster.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use emberkeep_sim::chart::page;
use emberkeep_sim::scenario::{Scenario, difference};

use super::page_file::PageFile;
use crate::exit::CommandError;
use crate::file::{invalid, title, unreadable};
use crate::output;

/// Run a scenario: a cluster, the events that happen to it, and the expected outcome
///
/// Prints the timeline and the summary. If the outcome differs from the expected one, below the line of hyphens in the
/// scenario, the difference is shown and the exit code is 1.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The scenario; sim/scenarios has examples
    #[arg(value_name = "SCENARIO.txt")]
    scenario: PathBuf,
    /// Run it with this seed instead of its own, without comparing the outcome
    #[arg(long)]
    seed: Option<u64>,
    /// Write a page with plots and the timeline to this file, which any browser shows
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
}

/// Runs the scenario, prints the outcome, and compares it.
pub(super) fn run(args: &RunArgs) -> Result<(), CommandError> {
    let path = &args.scenario;
    let text = fs::read_to_string(path).map_err(|error| unreadable("scenario", path, error))?;
    let scenario = Scenario::parse(&text).map_err(|error| invalid("scenario", path, error))?;
    let outcome = match PageFile::open(args.html.as_deref(), Some(path))? {
        None => scenario.run(args.seed),
        Some(file) => {
            let (outcome, chart) = scenario.run_with_chart(args.seed, &title(path));
            file.write(&page(&chart))?;
            outcome
        }
    };
    let is_compared = args.seed.is_none() && !scenario.expected().is_empty();
    match difference(scenario.expected(), &outcome).filter(|_| is_compared) {
        None => output::print(outcome),
        Some(shown) => {
            output::print(shown)?;
            Err(CommandError::failed(format!(
                "scenario {} has another outcome than expected",
                path.display()
            )))
        }
    }
}
