//! `emberkeep sim soak`: random clusters in random trouble.

use clap::Args;
use emberkeep_sim::soak::soak;

use super::outcome;
use super::progress::Progress;
use crate::exit::CommandError;

/// Let random trouble happen to random clusters, and check what must hold whatever happens
///
/// Pods crash, drain, join, restart, freeze and are cut off, leaders change, proposals fail, load jumps, operators change
/// settings. The first case that breaks an invariant is shrunk to the fewest troubles that still do, shown, and ends the
/// soak with exit code 1; its seed always leads to the same case.
#[derive(Debug, Args)]
pub(super) struct SoakArgs {
    /// How many seeds to try
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first one
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Soaks, and prints what held or what broke.
pub(super) fn run(args: &SoakArgs) -> Result<(), CommandError> {
    let progress = Progress::begin();
    let shown = progress.stage("clusters in trouble", args.seeds);
    let soaked = soak(args.seed, args.seeds, &mut |done| shown.reach(done));
    progress.end();
    match soaked {
        Ok(soaked) => outcome::print(&soaked),
        Err(failure) => {
            outcome::print(&failure)?;
            let seed = failure.shrunk.seed();
            let again = format!("see it again with `emberkeep sim soak --seeds 1 --seed {seed}`");
            Err(CommandError::failed(format!("seed {seed} broke an invariant, {again}")))
        }
    }
}
