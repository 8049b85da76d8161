//! The recorder: watches a replay and keeps what the page shows of it.

use super::{Bands, Curves, Run};
use crate::load_trace::LoadTrace;
use crate::replay::Tick;
use crate::rivals::Rival;
use crate::score::Summary;

/// What has been seen of one balancer on one trace.
#[derive(Debug, Clone)]
pub struct Recorder {
    curves: Curves,
    bands: Bands,
}

impl Recorder {
    /// Nothing has been seen yet.
    #[must_use]
    pub fn new(trace: &LoadTrace) -> Self {
        Self {
            curves: Curves::new(trace),
            bands: Bands::new(trace),
        }
    }

    /// Watches a tick that comes after all others.
    pub fn watch(&mut self, tick: &Tick<'_>) {
        self.curves.add(tick);
        self.bands.add(tick.at_ms, tick.ownership);
    }

    /// All that was seen, and what it came to.
    #[must_use]
    pub fn into_run(self, rival: Rival, summary: Summary) -> Run {
        Run {
            balancer: rival.as_str(),
            about: rival.about(),
            summary,
            curves: self.curves,
            bands: self.bands,
        }
    }
}
