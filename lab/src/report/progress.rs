//! The progress reports of a run.

use std::fmt;
use std::time::Duration;

use super::run_tally::IntervalTally;
use super::units::{in_ms, percent};

/// Progress of a run, to be shown.
#[derive(Debug)]
pub enum ProgressEvent<'a> {
    /// A step of the preparation begins.
    Step(&'a str),
    /// A part of a step is done.
    Part {
        /// The name of the step.
        step: &'a str,
        /// The number of finished parts; at least one.
        done: usize,
        /// The number of all parts.
        count: usize,
    },
    /// The location of a process, the store or the data folder.
    Located(&'a str),
    /// Requests are sent from this time on.
    LoadStarted {
        /// The number of requests, if the run ends with the trace.
        request_count: Option<u64>,
    },
    /// The figures since the last sample.
    Sample(&'a ProgressSample),
}

/// A function that shows progress.
pub type ShowProgress<'a> = &'a dyn Fn(ProgressEvent<'_>);

/// Figures of a run since the last sample.
#[derive(Debug)]
pub struct ProgressSample {
    /// Since the start of the run.
    pub at: Duration,
    /// Requests of the whole run.
    pub requests: u64,
    pub(crate) lasted: Duration,
    pub(crate) interval: IntervalTally,
    pub(crate) moves: u64,
    pub(crate) generation: i64,
}

impl fmt::Display for ProgressSample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let IntervalTally {
            ok,
            warm_hits,
            failed,
            latency,
        } = &self.interval;
        let rate = (ok + failed) as f64 / self.lasted.as_secs_f64().max(0.001);
        let [p50, p99] = [0.5, 0.99].map(|share| in_ms(latency.quantile_us(share)));
        write!(
            f,
            "{rate:.0} req/s, {} warm, p50 {p50}, p99 {p99}",
            percent(*warm_hits, *ok)
        )?;
        if *failed > 0 {
            write!(f, ", {failed} failed")?;
        }
        write!(f, ", {} moves, generation {}", self.moves, self.generation)
    }
}
