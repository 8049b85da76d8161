//! What came of the loss of a pod: for people, and as JSON with names that stay.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::Report;
use super::table::{Table, nanos, quantile, time};
use crate::dev::{Outcome, Reply};

/// What came of it. The names of its fields are a promise.
#[derive(Debug, Serialize)]
pub(super) struct HerdReport {
    pub(super) pods: u16,
    pub(super) keys: u32,
    pub(super) requests_per_s: u32,
    pub(super) store_requests_per_s_max: u32,
    pub(super) store_waiting_max: u16,
    pub(super) runs: Vec<HerdRun>,
}

impl Report for HerdReport {
    fn wrong(&self) -> u64 {
        self.runs.iter().map(|run| run.wrong).sum()
    }
}

/// One run. Times count from the kill; latency from when a request was due.
#[derive(Debug, Serialize)]
pub(super) struct HerdRun {
    guard: &'static str,
    load_concurrency: u16,
    /// Store requests a second of the whole target.
    guard_rate: Option<u32>,
    /// The most requests that reached the store in a second, refused ones among them.
    store_peak_per_s: u64,
    store_peak_per_100_ms: u64,
    store_served: u64,
    /// Answered with 503.
    store_refused: u64,
    requests: u64,
    failed: u64,
    failed_by_kind: BTreeMap<&'static str, u64>,
    wrong: u64,
    /// Of the requests that were due in the seconds after the kill, failed ones among them.
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    /// Before the kill.
    p99_before_ms: f64,
    /// When all later seconds had at least 99 % warm answers; none if that never was.
    warm_again_s: Option<f64>,
}

/// What the store had done at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StoreSample {
    pub(super) at: Duration,
    pub(super) served: u64,
    pub(super) refused: u64,
}

/// How long after the kill latency is looked at.
const WINDOW: Duration = Duration::from_secs(10);
const WARM_SHARE: f64 = 0.99;

impl HerdRun {
    pub(super) fn new(
        guard: &'static str,
        load_concurrency: u16,
        guard_rate: Option<u32>,
        killed_at: Duration,
        replies: &[Reply],
        samples: &[StoreSample],
    ) -> Self {
        let after = latencies(replies, |due| (killed_at..killed_at + WINDOW).contains(&due));
        let before = latencies(replies, |due| due < killed_at);
        let mut failed_by_kind = BTreeMap::new();
        for reply in replies {
            if let Outcome::Failed { kind } = reply.outcome {
                *failed_by_kind.entry(kind).or_default() += 1;
            }
        }
        let ms = |sorted: &[f64], part| quantile(sorted, part) / 1e6;
        Self {
            guard,
            load_concurrency,
            guard_rate,
            store_peak_per_s: peak(samples, 10),
            store_peak_per_100_ms: peak(samples, 1),
            store_served: span(samples, |sample| sample.served),
            store_refused: span(samples, |sample| sample.refused),
            requests: replies.len() as u64,
            failed: failed_by_kind.values().sum(),
            failed_by_kind,
            wrong: replies.iter().filter(|reply| reply.outcome == Outcome::Wrong).count() as u64,
            p50_ms: ms(&after, 0.5),
            p99_ms: ms(&after, 0.99),
            max_ms: ms(&after, 1.0),
            p99_before_ms: ms(&before, 0.99),
            warm_again_s: warm_again(replies, killed_at),
        }
    }
}

/// Sorted, in nanoseconds.
fn latencies(replies: &[Reply], is_meant: impl Fn(Duration) -> bool) -> Vec<f64> {
    let meant = replies.iter().filter(|reply| is_meant(reply.due));
    let mut latencies: Vec<f64> = meant.map(|reply| nanos(reply.latency())).collect();
    latencies.sort_by(f64::total_cmp);
    latencies
}

/// The most requests of the store within so many samples.
fn peak(samples: &[StoreSample], width: usize) -> u64 {
    let arrived = |sample: &StoreSample| sample.served + sample.refused;
    let windows = samples.windows(width + 1);
    let counts = windows.map(|window| arrived(&window[width]) - arrived(&window[0]));
    counts.max().unwrap_or_else(|| span(samples, arrived))
}

fn span(samples: &[StoreSample], count: impl Fn(&StoreSample) -> u64) -> u64 {
    let ends = samples.first().zip(samples.last());
    ends.map_or(0, |(first, last)| count(last) - count(first))
}

/// When all later seconds had warm answers.
fn warm_again(replies: &[Reply], killed_at: Duration) -> Option<f64> {
    let mut seconds: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for reply in replies {
        if let Some(since) = reply.due.checked_sub(killed_at) {
            let (warm, all) = seconds.entry(since.as_secs()).or_default();
            *warm += u64::from(matches!(reply.outcome, Outcome::Right { was_warm: true }));
            *all += 1;
        }
    }
    let last = seconds.keys().next_back().copied()?;
    let is_cold = |(warm, all): (u64, u64)| (warm as f64) < all as f64 * WARM_SHARE;
    let last_cold = seconds.iter().rev().find(|(_, counts)| is_cold(**counts));
    match last_cold {
        None => Some(0.0),
        Some((second, _)) if *second == last => None,
        Some((second, _)) => Some((second + 1) as f64),
    }
}

impl fmt::Display for HerdReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "1 of {} pods killed, {} keys, {} requests/s; the store can do {} reads/s, {} may wait",
            self.pods, self.keys, self.requests_per_s, self.store_requests_per_s_max, self.store_waiting_max
        )?;
        let headings = [
            "guard",
            "peak reads/s",
            "in 100 ms",
            "served",
            "503",
            "p50",
            "p99",
            "max",
            "p99 before",
            "failed",
            "warm again",
        ];
        write!(f, "{}", Table::of(headings, self.runs.iter().map(HerdRun::line)))?;
        for run in &self.runs {
            let rate = run
                .guard_rate
                .map_or_else(|| "no rate".to_owned(), |rate| format!("{rate} store requests/s"));
            write!(
                f,
                "{}: {rate}, {} at a time in each pod",
                run.guard, run.load_concurrency
            )?;
            for (kind, count) in &run.failed_by_kind {
                write!(f, ", {count} {kind}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl HerdRun {
    fn line(&self) -> [String; 11] {
        let ms = |ms: f64| time(ms * 1e6);
        [
            self.guard.to_owned(),
            self.store_peak_per_s.to_string(),
            self.store_peak_per_100_ms.to_string(),
            self.store_served.to_string(),
            self.store_refused.to_string(),
            ms(self.p50_ms),
            ms(self.p99_ms),
            ms(self.max_ms),
            ms(self.p99_before_ms),
            format!("{} of {}", self.failed, self.requests),
            self.warm_again_s
                .map_or_else(|| "not yet".to_owned(), |s| format!("{s:.0} s")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(due_ms: u64, outcome: Outcome) -> Reply {
        Reply {
            key: 0,
            due: Duration::from_millis(due_ms),
            at: Duration::from_millis(due_ms + 2),
            outcome,
        }
    }

    #[test]
    fn keys_are_warm_again_after_the_last_second_that_was_not() {
        let (warm, cold) = (Outcome::Right { was_warm: true }, Outcome::Right { was_warm: false });
        let replies = [
            reply(0, cold),
            reply(1_000, warm),
            reply(2_500, cold),
            reply(3_500, warm),
        ];
        assert_eq!(warm_again(&replies, Duration::from_secs(1)), Some(2.0));
        assert_eq!(warm_again(&replies[..3], Duration::from_secs(1)), None);
        assert_eq!(warm_again(&replies[1..2], Duration::from_secs(1)), Some(0.0));
    }

    #[test]
    fn the_peak_counts_what_was_refused_too() {
        let sample = |at, served, refused| StoreSample {
            at: Duration::from_millis(at),
            served,
            refused,
        };
        let samples = [sample(0, 10, 0), sample(100, 15, 0), sample(200, 20, 30)];
        assert_eq!((peak(&samples, 1), peak(&samples, 2)), (35, 40));
        assert_eq!(span(&samples, |sample| sample.refused), 30);
    }
}
