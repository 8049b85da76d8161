//! The figures of the loss of a pod, as text and as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::bench_report::BenchReport;
use crate::report::{CompletedRequest, ReportTable, RequestOutcome, nanos, quantile, time};

/// The figures of the measurement. Field names are stable.
#[derive(Debug, Serialize)]
pub struct HerdReport {
    pub(super) pods: u16,
    pub(super) keys: u32,
    pub(super) requests_per_s: u32,
    pub(super) store_requests_per_s_max: u32,
    pub(super) store_waiting_max: u16,
    pub(super) runs: Vec<HerdRun>,
}

impl BenchReport for HerdReport {
    fn wrong(&self) -> u64 {
        self.runs.iter().map(|run| run.wrong).sum()
    }
}

/// One run. Times are relative to the kill; latency is measured from the time at which a request was due.
#[derive(Debug, Serialize)]
pub(super) struct HerdRun {
    guard: &'static str,
    load_concurrency: u16,
    /// Store requests a second of the whole target.
    guard_rate: Option<u32>,
    /// The peak of requests that reached the store within a second, rejected ones included.
    store_peak_per_s: u64,
    store_peak_per_100_ms: u64,
    store_served: u64,
    /// Requests rejected by the store with 503 SlowDown.
    store_refused: u64,
    requests: u64,
    failed: u64,
    failed_by_kind: BTreeMap<&'static str, u64>,
    wrong: u64,
    /// The latency of requests due within 10 s after the kill, failed ones included.
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    /// The latency of requests due before the kill.
    p99_before_ms: f64,
    /// The time after which each second had at least 99 % warm answers; `None` if that was not reached.
    warm_again_s: Option<f64>,
}

/// The store's counters at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StoreSample {
    pub(super) at: Duration,
    pub(super) served: u64,
    pub(super) refused: u64,
}

/// The period after the kill in which latency is measured.
const WINDOW: Duration = Duration::from_secs(10);
const WARM_SHARE: f64 = 0.99;

impl HerdRun {
    pub(super) fn new(
        guard: &'static str,
        load_concurrency: u16,
        guard_rate: Option<u32>,
        killed_at: Duration,
        requests: &[CompletedRequest],
        samples: &[StoreSample],
    ) -> Self {
        let after = latencies(requests, |due| (killed_at..killed_at + WINDOW).contains(&due));
        let before = latencies(requests, |due| due < killed_at);
        let mut failed_by_kind = BTreeMap::new();
        for request in requests {
            if let RequestOutcome::Failed { kind } = request.outcome {
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
            requests: requests.len() as u64,
            failed: failed_by_kind.values().sum(),
            failed_by_kind,
            wrong: requests
                .iter()
                .filter(|request| request.outcome == RequestOutcome::Wrong)
                .count() as u64,
            p50_ms: ms(&after, 0.5),
            p99_ms: ms(&after, 0.99),
            max_ms: ms(&after, 1.0),
            p99_before_ms: ms(&before, 0.99),
            warm_again_s: warm_again(requests, killed_at),
        }
    }
}

/// The latencies of a set of requests in nanoseconds, sorted.
fn latencies(requests: &[CompletedRequest], is_included: impl Fn(Duration) -> bool) -> Vec<f64> {
    let included = requests.iter().filter(|request| is_included(request.due));
    let mut latencies: Vec<f64> = included.map(|request| nanos(request.latency())).collect();
    latencies.sort_by(f64::total_cmp);
    latencies
}

/// The most requests to the store within this many samples.
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

/// The time after which each second had warm answers.
fn warm_again(requests: &[CompletedRequest], killed_at: Duration) -> Option<f64> {
    let mut seconds: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for request in requests {
        if let Some(since) = request.due.checked_sub(killed_at) {
            let (warm, all) = seconds.entry(since.as_secs()).or_default();
            *warm += u64::from(matches!(request.outcome, RequestOutcome::Right { was_warm: true }));
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
        write!(f, "{}", ReportTable::of(headings, self.runs.iter().map(HerdRun::line)))?;
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

    fn request(due_ms: u64, outcome: RequestOutcome) -> CompletedRequest {
        CompletedRequest {
            key: 0,
            due: Duration::from_millis(due_ms),
            at: Duration::from_millis(due_ms + 2),
            outcome,
        }
    }

    #[test]
    fn keys_are_warm_again_after_the_last_cold_second() {
        let (warm, cold) = (
            RequestOutcome::Right { was_warm: true },
            RequestOutcome::Right { was_warm: false },
        );
        let requests = [
            request(0, cold),
            request(1_000, warm),
            request(2_500, cold),
            request(3_500, warm),
        ];
        assert_eq!(warm_again(&requests, Duration::from_secs(1)), Some(2.0));
        assert_eq!(warm_again(&requests[..3], Duration::from_secs(1)), None);
        assert_eq!(warm_again(&requests[1..2], Duration::from_secs(1)), Some(0.0));
    }

    #[test]
    fn the_peak_includes_refused_requests() {
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
