//! Replaying a load trace: a balancer decides, its answer takes effect at once, every tick is scored.
//!
//! ```text
//! LoadTrace --timeline--> TraceState --Balancer--> OwnershipMap --Scorer--> TickScore, in the end a Summary
//! ```
//!
//! Exact: a balancer is told the true loads at once, and what it decides is so from that moment on. That is the best
//! case for any balancer, so what remains is what the algorithm itself does well or badly.

mod stopwatch;
mod timeline;
mod trace_state;

use std::sync::Arc;
use std::time::Duration;

pub use stopwatch::Stopwatch;
pub use timeline::Moment;
pub use trace_state::TraceState;

use crate::load_trace::LoadTrace;
use crate::ownership::OwnershipMap;
use crate::score::{Scorer, Summary, TickScore};

/// Whoever decides which pods own which keys.
pub trait Balancer {
    /// Who owns what from now on; `None` where nothing changes. What the decision itself takes is run by the stopwatch,
    /// not what the simulator needs around it.
    fn decide(&mut self, world: &TraceState<'_>, moment: Moment, stopwatch: &mut Stopwatch<'_>)
    -> Option<OwnershipMap>;
}

/// What one tick came to.
#[derive(Debug)]
pub struct ReplayTick<'a> {
    /// When it was, in milliseconds since the trace began.
    pub at_ms: u64,
    /// Who owns what since this tick or an earlier one.
    pub ownership: &'a Arc<OwnershipMap>,
    /// Whether that is new.
    pub has_changed: bool,
    /// How good it is.
    pub score: &'a TickScore,
    /// The load of each live pod in milli-units a second, in no particular order.
    pub pod_loads: &'a [f64],
}

/// Replays the whole trace and scores it. `clock` says how much time has passed since any fixed moment and is asked
/// before and after each decision; `watch` sees every tick.
///
/// # Errors
/// The first one of `watch`, which ends the replay.
pub fn replay<E>(
    trace: &LoadTrace,
    balancer: &mut dyn Balancer,
    clock: &mut dyn FnMut() -> Duration,
    watch: &mut dyn FnMut(&ReplayTick<'_>) -> Result<(), E>,
) -> Result<Summary, E> {
    let mut world = TraceState::new(trace);
    let mut scorer = Scorer::new(trace);
    let mut stopwatch = Stopwatch::new(clock);
    let mut ownership = Arc::new(OwnershipMap::default());
    for moment in timeline::moments(trace) {
        world.advance_to(moment.at_ms);
        let decided = balancer.decide(&world, moment, &mut stopwatch);
        let has_changed = decided.as_ref().is_some_and(|decided| *decided != *ownership);
        if let Some(decided) = decided.filter(|_| has_changed) {
            ownership = Arc::new(decided);
        }
        scorer.tick(&world, &ownership);
        watch(&ReplayTick {
            at_ms: moment.at_ms,
            ownership: &ownership,
            has_changed,
            score: scorer.newest(),
            pod_loads: scorer.pod_loads(),
        })?;
    }
    Ok(scorer.summary(stopwatch.times()))
}
