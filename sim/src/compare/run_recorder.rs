//! The recorder of one run: collects the data of the page during a replay.

use super::{BalancerRun, Curves};
use crate::html_page::Bands;
use crate::load_trace::LoadTrace;
use crate::replay::ReplayTick;
use crate::score::Summary;

/// The data of one balancer on one trace so far.
#[derive(Debug, Clone)]
pub struct RunRecorder {
    curves: Curves,
    bands: Bands,
}

impl RunRecorder {
    /// A recorder without ticks.
    #[must_use]
    pub fn new(trace: &LoadTrace) -> Self {
        Self {
            curves: Curves::new(trace),
            bands: Bands::new(trace.end_ms(), trace.decide_every_ms(), trace.pods().len()),
        }
    }

    /// Records a tick; ticks come in order of time.
    pub fn record(&mut self, tick: &ReplayTick<'_>) {
        self.curves.add(tick);
        self.bands.add(tick.at_ms, tick.ownership);
    }

    /// The complete run, with the name of the balancer and a sentence about it.
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
