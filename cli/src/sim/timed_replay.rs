//! Replaying a trace with the clock of this machine, and showing progress.

use std::time::Instant;

use emberkeep_sim::load_trace::LoadTrace;
use emberkeep_sim::replay::{self, Balancer, ReplayTick};
use emberkeep_sim::score::Summary;

use super::sim_progress::SimProgress;

/// Replays a trace with a fresh balancer; `watch` is called at every tick.
pub(super) fn timed_replay<E>(
    trace: &LoadTrace,
    balancer: &mut dyn Balancer,
    what: &str,
    progress: &SimProgress,
    mut watch: impl FnMut(&ReplayTick<'_>) -> Result<(), E>,
) -> Result<Summary, E> {
    let started = Instant::now();
    let shown = progress.stage(what, trace.end_ms());
    replay::replay(trace, balancer, &mut || started.elapsed(), &mut |tick| {
        shown.reach(tick.at_ms);
        watch(tick)
    })
}
