//! The counters of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use super::events::EventLog;
use super::latency::Latency;
use super::request::{CompletedRequest, RequestOutcome};
use super::unavailability::Unavailability;
use super::warm_share::WorstSecond;

/// The counters of all requests of a run.
#[derive(Debug)]
pub(crate) struct RunTally {
    pub(super) ok: u64,
    pub(super) wrong: u64,
    pub(super) warm_hits: u64,
    pub(super) failed_by_kind: BTreeMap<&'static str, u64>,
    pub(super) latency: Latency,
    pub(super) unavailability: Unavailability,
    pub(crate) events: EventLog,
    pub(super) worst_second: WorstSecond,
    pub(super) key_count: usize,
    interval: IntervalTally,
}

/// Requests since the last sample.
#[derive(Debug, Default)]
pub struct IntervalTally {
    /// Answered with the expected value.
    pub ok: u64,
    /// Answered from warm memory.
    pub warm_hits: u64,
    /// Ended with an error.
    pub failed: u64,
    /// The latency of all of them.
    pub latency: Latency,
}

impl RunTally {
    /// No request yet, of a trace with this many keys.
    pub(crate) fn of_keys(count: usize) -> Self {
        Self {
            ok: 0,
            wrong: 0,
            warm_hits: 0,
            failed_by_kind: BTreeMap::new(),
            latency: Latency::default(),
            unavailability: Unavailability::of_keys(count),
            events: EventLog::default(),
            worst_second: WorstSecond::default(),
            key_count: count,
            interval: IntervalTally::default(),
        }
    }

    pub(crate) fn record(&mut self, request: &CompletedRequest) {
        let CompletedRequest { key, due, at, outcome } = *request;
        let unavailable = match outcome {
            RequestOutcome::Right { was_warm } => {
                self.ok += 1;
                self.interval.ok += 1;
                self.warm_hits += u64::from(was_warm);
                self.interval.warm_hits += u64::from(was_warm);
                self.worst_second.record(at, was_warm);
                self.unavailability.on_answer(key, due, at)
            }
            RequestOutcome::Wrong => {
                self.wrong += 1;
                self.unavailability.on_failure(key, due, at)
            }
            RequestOutcome::Failed { kind } => {
                *self.failed_by_kind.entry(kind).or_default() += 1;
                self.interval.failed += 1;
                self.unavailability.on_failure(key, due, at)
            }
        };
        self.latency.record(request.latency());
        self.interval.latency.record(request.latency());
        self.events.record_request(request, unavailable);
    }

    /// The worst second is determined after this time only.
    pub(crate) fn exclude_warm_up(&mut self, warm_up: Duration) {
        self.worst_second = WorstSecond::since(warm_up);
    }

    /// From now on, latency is also counted to this event of a hot key.
    pub(crate) fn record_hot_key(&mut self, event: usize) {
        let p99_before_us = self.latency.quantile_us(0.99);
        self.events.record_hot_key(event, p99_before_us);
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failed_by_kind.values().sum()
    }

    pub(crate) fn requests(&self) -> u64 {
        self.ok + self.wrong + self.failed()
    }

    /// The requests since the last call.
    pub(crate) fn take_interval(&mut self) -> IntervalTally {
        std::mem::take(&mut self.interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn request(due: u64, at: u64, outcome: RequestOutcome) -> CompletedRequest {
        CompletedRequest {
            key: 0,
            due: ms(due),
            at: ms(at),
            outcome,
        }
    }

    #[test]
    fn every_request_is_counted_once() {
        let mut tally = RunTally::of_keys(1);
        tally.record(&request(0, 1, RequestOutcome::Right { was_warm: false }));
        tally.record(&request(1, 2, RequestOutcome::Right { was_warm: true }));
        tally.record(&request(2, 3, RequestOutcome::Wrong));
        tally.record(&request(3, 4, RequestOutcome::Failed { kind: "broken" }));
        tally.record(&request(4, 5, RequestOutcome::Failed { kind: "broken" }));
        assert_eq!((tally.requests(), tally.ok, tally.wrong, tally.failed()), (5, 2, 1, 2));
        assert_eq!(tally.warm_hits, 1);
        assert_eq!(tally.failed_by_kind["broken"], 2);
    }

    #[test]
    fn latency_counts_from_when_a_request_was_due() {
        let mut tally = RunTally::of_keys(1);
        tally.record(&request(1_000, 4_000, RequestOutcome::Right { was_warm: true }));
        let shown = tally.latency.quantile_us(0.5);
        assert!((2_997_000..=3_003_000).contains(&shown), "{shown}");
    }

    #[test]
    fn each_interval_starts_at_zero() {
        let mut tally = RunTally::of_keys(1);
        tally.record(&request(0, 1, RequestOutcome::Right { was_warm: true }));
        assert_eq!(tally.take_interval().ok, 1);
        assert_eq!(tally.take_interval().ok, 0);
        assert_eq!(tally.ok, 1);
    }
}
