//! Figures: the balance of pods and the share of warm values under one placement policy.

use std::fmt;

use serde::Serialize;

use super::placement_policy::PlacementPolicy;
use super::request_totals::RequestTotals;
use crate::score::{TickScore, rounded};
use crate::text_table::TextTable;

/// The figures of one placement policy. Shares are parts of 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// The name of the placement policy.
    #[serde(rename = "balancer")]
    pub policy: &'static str,
    /// The load of the hottest pod over the mean in 5 s, on average.
    pub mean_over_mean: f64,
    /// The same in the 99th percentile of ticks.
    pub p99_over_mean: f64,
    /// The share of all load whose keys lost an owner when pods joined or left, added up.
    pub forced_moved: f64,
    /// The same at any other time.
    pub voluntary_moved: f64,
    /// The number of requests served.
    pub requests: u64,
    /// Requests that found their value warm.
    pub hits: u64,
    /// First requests for their key, whose value no pod can have warm.
    pub cold: u64,
    /// Requests that read the object store: all but the hits.
    pub store_reads: u64,
    /// The share of hits among the requests that are not the first for their key.
    pub hit_share: f64,
    /// The same in the worst ten seconds that begin within ten seconds after pods joined or left; `None` if none did.
    pub worst_hit_share: Option<f64>,
    /// The share of first requests for their key.
    pub cold_share: f64,
    /// The share of requests that read the object store: the cost of not having state.
    pub state_tax: f64,
    /// The same as reads per thousand requests.
    pub store_reads_per_1000: f64,
}

/// The load whose keys lost an owner, as shares of all load.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct MovedLoad {
    forced: f64,
    voluntary: f64,
}

impl MovedLoad {
    pub(super) fn add(&mut self, score: &TickScore) {
        match score.has_pod_change {
            true => self.forced += score.moved,
            false => self.voluntary += score.moved,
        }
    }
}

impl Figures {
    pub(super) fn of(policy: PlacementPolicy, totals: &RequestTotals, moved: MovedLoad, end_ms: u64) -> Self {
        let over_mean = totals.over_mean(end_ms);
        let (requests, hits, cold) = (totals.request_count, totals.hit_count, totals.cold_count);
        let store_reads = requests - hits;
        Self {
            policy: policy.as_str(),
            mean_over_mean: rounded(over_mean.mean),
            p99_over_mean: rounded(over_mean.p99),
            forced_moved: rounded(moved.forced),
            voluntary_moved: rounded(moved.voluntary),
            requests,
            hits,
            cold,
            store_reads,
            hit_share: share(hits, requests - cold),
            worst_hit_share: totals.worst_share().map(rounded),
            cold_share: share(cold, requests),
            state_tax: share(store_reads, requests),
            store_reads_per_1000: rounded(1_000.0 * store_reads as f64 / requests.max(1) as f64),
        }
    }

    fn cells(&self) -> Vec<String> {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        vec![
            self.policy.to_owned(),
            format!("{:.3}", self.mean_over_mean),
            format!("{:.3}", self.p99_over_mean),
            format!("{:.3}", self.forced_moved),
            format!("{:.3}", self.voluntary_moved),
            percent(self.hit_share),
            self.worst_hit_share.map_or_else(|| "-".to_owned(), percent),
            percent(self.cold_share),
            percent(self.state_tax),
            format!("{:.0}", self.store_reads_per_1000),
        ]
    }
}

/// The part of the whole; zero if the whole is zero.
fn share(part: u64, whole: u64) -> f64 {
    rounded(part as f64 / whole.max(1) as f64)
}

/// The header of the table.
const COLUMNS: [&str; 10] = [
    "BALANCER",
    "HOTTEST/MEAN",
    "P99",
    "FORCED",
    "VOLUNTARY",
    "HIT SHARE",
    "WORST 10 S",
    "COLD",
    "STATE TAX",
    "READS/1000",
];

/// The figures of several policies, one a row.
#[derive(Debug, Clone, PartialEq)]
pub struct FigureTable<'a>(pub &'a [Figures]);

impl fmt::Display for FigureTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<Vec<String>> = self.0.iter().map(Figures::cells).collect();
        let table = TextTable {
            header: &COLUMNS,
            text_columns: 1,
            rows: &rows,
        };
        table.fmt(f)
    }
}
