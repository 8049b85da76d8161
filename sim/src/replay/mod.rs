//! Replaying a load trace: a balancer decides, its decision takes effect at once, and every tick is scored.
//!
//! ```text
//! LoadTrace --timeline--> TraceState --Balancer--> OwnershipMap --Scorer--> TickScore, at the end a Summary
//! ```
//!
//! Exact signals: a balancer knows the true loads at once and its decisions apply at once. That is the best case for every
//! balancer, so the score measures its algorithm alone.

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

/// Decides which pods own which keys.
pub trait Balancer {
    /// Decides the ownership from now on; `None` for no change. The decision itself runs within [`Stopwatch::time`], work of the
    /// simulator around it does not.
    fn decide(&mut self, state: &TraceState<'_>, moment: Moment, stopwatch: &mut Stopwatch<'_>)
    -> Option<OwnershipMap>;
}

/// The outcome of one tick.
#[derive(Debug)]
pub struct ReplayTick<'a> {
    /// In milliseconds since the trace began.
    pub at_ms: u64,
    /// The ownership in effect.
    pub ownership: &'a Arc<OwnershipMap>,
    /// Whether the ownership changed in this tick.
    pub has_changed: bool,
    /// The score of the ownership.
    pub score: &'a TickScore,
    /// The load of each live pod in milli-units a second, in no particular order.
    pub pod_loads: &'a [f64],
}

/// Replays the whole trace and scores it. `clock` returns the time since a fixed moment and is read before and after each
/// decision; `watch` is called after every tick.
///
/// # Errors
/// The first error of `watch`, which ends the replay.
pub fn replay<E>(
    trace: &LoadTrace,
    balancer: &mut dyn Balancer,
    clock: &mut dyn FnMut() -> Duration,
    watch: &mut dyn FnMut(&ReplayTick<'_>) -> Result<(), E>,
) -> Result<Summary, E> {
    let mut state = TraceState::new(trace);
    let mut scorer = Scorer::new(trace);
    let mut stopwatch = Stopwatch::new(clock);
    let mut ownership = Arc::new(OwnershipMap::default());
    for moment in timeline::moments(trace) {
        state.advance_to(moment.at_ms);
        let decided = balancer.decide(&state, moment, &mut stopwatch);
        let has_changed = decided.as_ref().is_some_and(|decided| *decided != *ownership);
        if let Some(decided) = decided.filter(|_| has_changed) {
            ownership = Arc::new(decided);
        }
        scorer.tick(&state, &ownership);
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
