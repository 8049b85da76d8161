//! The recorder: watches a replay and keeps what the page shows of it.

use super::{BalancerRun, Bands, Curves};
use crate::load_trace::LoadTrace;
use crate::replay::ReplayTick;
use crate::score::Summary;

/// What has been seen of one balancer on one trace.
#[derive(Debug, Clone)]
pub struct RunRecorder {
    curves: Curves,
    bands: Bands,
}

impl RunRecorder {
    /// Nothing has been seen yet.
    #[must_use]
    pub fn new(trace: &LoadTrace) -> Self {
        Self {
            curves: Curves::new(trace),
            bands: Bands::new(trace),
        }
    }

    /// Watches a tick that comes after all others.
    pub fn watch(&mut self, tick: &ReplayTick<'_>) {
        self.curves.add(tick);
        self.bands.add(tick.at_ms, tick.ownership);
    }

    /// All that was seen and what it came to, with the name of the balancer and one sentence about it.
    #[must_use]
    pub fn into_run(self, balancer: &'static str, about: &'static str, summary: Summary) -> BalancerRun {
        BalancerRun {
            balancer,
            about,
            summary,
            curves: self.curves,
            bands: self.bands,
        }
    }
}
