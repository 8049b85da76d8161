//! `emberkeep sim soak`: random faults in random clusters.

use std::path::PathBuf;

use clap::Args;
use emberkeep_sim::chart::page;
use emberkeep_sim::soak::soak;

use super::page_file::PageFile;
use super::sim_progress::SimProgress;
use crate::exit::CommandError;
use crate::output;

/// Inject random faults into random clusters, and check the invariants
///
/// Pods crash, drain, join, restart, freeze and are partitioned, leaders change, proposals fail, load jumps, operators
/// change settings. The first case that breaks an invariant is shrunk to the fewest faults that still break it, and
/// ends the soak with exit code 1; its seed always reproduces the case.
#[derive(Debug, Args)]
pub(super) struct SoakArgs {
    /// How many seeds to run
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first seed; the others follow it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write a page with plots and the timeline of one case to this file: the shrunk case that breaks an invariant, or else the
    /// one with the most faults
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
}

/// Runs the seeds, and prints the summary, or the violated invariant with its seed.
pub(super) fn run(args: &SoakArgs) -> Result<(), CommandError> {
    let file = PageFile::open(args.html.as_deref(), None)?;
    let progress = SimProgress::begin();
    let shown = progress.stage("clusters with faults", args.seeds);
    let soaked = soak(args.seed, args.seeds, &mut |done| shown.reach(done));
    progress.end();
    if let Some(file) = file {
        let chart = match &soaked {
            Ok(soaked) => soaked.chart().expect("at least one seed was run"),
            Err(failure) => failure.chart(),
        };
        file.write(&page(&chart))?;
        eprintln!("the page shows seed {}", chart.seed());
    }
    match soaked {
        Ok(soaked) => output::print(soaked),
        Err(failure) => {
            output::print(&failure)?;
            let seed = failure.shrunk.seed();
            let again = format!("reproduce it with `emberkeep sim soak --seeds 1 --seed {seed}`");
            Err(CommandError::failed(format!("seed {seed} broke an invariant, {again}")))
        }
    }
}
