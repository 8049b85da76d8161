//! What has been counted in a run.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::events::EventLog;
use super::reply::{Outcome, Reply};
use super::unavailability::Unavailability;
use super::worst_second::WorstSecond;

/// All replies of a run, counted.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) ok: u64,
    pub(super) wrong: u64,
    pub(super) warm_hits: u64,
    pub(super) failed_by_kind: BTreeMap<&'static str, u64>,
    pub(super) latency: Latency,
    pub(super) unavailability: Unavailability,
    pub(super) events: EventLog,
    pub(super) worst_second: WorstSecond,
    pub(super) key_count: usize,
    interval: Interval,
}

/// What has been counted since it was last looked at.
#[derive(Debug, Default)]
pub(super) struct Interval {
    pub(super) ok: u64,
    pub(super) warm_hits: u64,
    pub(super) failed: u64,
    pub(super) latency: Latency,
}

impl Tally {
    /// Nothing yet, of a trace with so many keys.
    pub(super) fn of_keys(count: usize) -> Self {
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
            interval: Interval::default(),
        }
    }

    pub(super) fn record(&mut self, reply: &Reply) {
        let Reply { key, due, at, outcome } = *reply;
        let unavailable = match outcome {
            Outcome::Right { was_warm } => {
                self.ok += 1;
                self.interval.ok += 1;
                self.warm_hits += u64::from(was_warm);
                self.interval.warm_hits += u64::from(was_warm);
                self.worst_second.count(at, was_warm);
                self.unavailability.answered(key, due, at)
            }
            Outcome::Wrong => {
                self.wrong += 1;
                self.unavailability.failed(key, due, at)
            }
            Outcome::Failed { kind } => {
                *self.failed_by_kind.entry(kind).or_default() += 1;
                self.interval.failed += 1;
                self.unavailability.failed(key, due, at)
            }
        };
        self.latency.record(reply.latency());
        self.interval.latency.record(reply.latency());
        self.events.observe(reply, unavailable);
    }

    /// How warm answers are counts from then on.
    pub(super) fn warms_up_for(&mut self, warm_up: Duration) {
        self.worst_second = WorstSecond::since(warm_up);
    }

    /// The event is that of a key that gets hot.
    pub(super) fn key_gets_hot(&mut self, event: usize) {
        let p99_before_us = self.latency.quantile_us(0.99);
        self.events.key_gets_hot(event, p99_before_us);
    }

    pub(super) fn failed(&self) -> u64 {
        self.failed_by_kind.values().sum()
    }

    pub(super) fn requests(&self) -> u64 {
        self.ok + self.wrong + self.failed()
    }

    /// What has been counted since this was last asked.
    pub(super) fn take_interval(&mut self) -> Interval {
        std::mem::take(&mut self.interval)
    }
}

/// Latencies to three digits; what takes longer than an hour counts as an hour.
#[derive(Debug)]
pub(super) struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        const DIGITS: u8 = 3;
        const LONGEST_US: u64 = 3_600_000_000;
        Self(Histogram::new_with_max(LONGEST_US, DIGITS).expect("three digits are allowed"))
    }
}

impl Latency {
    pub(super) fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(micros);
    }

    /// The latency in microseconds that this share of the requests does not exceed.
    pub(super) fn quantile_us(&self, share: f64) -> u64 {
        self.0.value_at_quantile(share)
    }

    pub(super) fn max_us(&self) -> u64 {
        self.0.max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn reply(due: u64, at: u64, outcome: Outcome) -> Reply {
        Reply {
            key: 0,
            due: ms(due),
            at: ms(at),
            outcome,
        }
    }

    #[test]
    fn every_request_is_counted_once() {
        let mut tally = Tally::of_keys(1);
        tally.record(&reply(0, 1, Outcome::Right { was_warm: false }));
        tally.record(&reply(1, 2, Outcome::Right { was_warm: true }));
        tally.record(&reply(2, 3, Outcome::Wrong));
        tally.record(&reply(3, 4, Outcome::Failed { kind: "broken" }));
        tally.record(&reply(4, 5, Outcome::Failed { kind: "broken" }));
        assert_eq!((tally.requests(), tally.ok, tally.wrong, tally.failed()), (5, 2, 1, 2));
        assert_eq!(tally.warm_hits, 1);
        assert_eq!(tally.failed_by_kind["broken"], 2);
    }

    #[test]
    fn latency_counts_from_when_a_request_was_due() {
        let mut tally = Tally::of_keys(1);
        tally.record(&reply(1_000, 4_000, Outcome::Right { was_warm: true }));
        let shown = tally.latency.quantile_us(0.5);
        assert!((2_997_000..=3_003_000).contains(&shown), "{shown}");
    }

    #[test]
    fn an_interval_begins_anew_each_time() {
        let mut tally = Tally::of_keys(1);
        tally.record(&reply(0, 1, Outcome::Right { was_warm: true }));
        assert_eq!(tally.take_interval().ok, 1);
        assert_eq!(tally.take_interval().ok, 0);
        assert_eq!(tally.ok, 1);
    }
}
