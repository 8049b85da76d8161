//! Figures: what keys that stay with a pod are worth, for each way to place them.

use std::fmt;

use serde::Serialize;

use super::Way;
use super::tally::Tally;
use crate::score::{TickScore, rounded};
use crate::text_table::TextTable;

/// How requests fared with keys placed in one way. Shares are parts of 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// How keys were placed.
    #[serde(rename = "balancer")]
    pub way: &'static str,
    /// The hottest pod over the mean, by the requests that it got in 5 s, on average.
    pub mean_over_mean: f64,
    /// The same in the 99th of a hundred ticks.
    pub p99_over_mean: f64,
    /// The share of all load whose keys lost an owner when pods came or went, added up.
    pub forced_moved: f64,
    /// The same at any other time.
    pub voluntary_moved: f64,
    /// How many requests there were.
    pub requests: u64,
    /// Those that found their value warm.
    pub hits: u64,
    /// Those that were the first one ever for their key, which nobody could have had warm.
    pub cold: u64,
    /// Those that had the object store read: all but the hits.
    pub store_reads: u64,
    /// The share of requests that found their value warm, without those that could not.
    pub hit_share: f64,
    /// The same in the worst ten seconds that begin within ten seconds after pods came or went; nothing where they did
    /// not.
    pub worst_hit_share: Option<f64>,
    /// The share of requests that were the first one ever for their key.
    pub cold_share: f64,
    /// The share of requests that had to read the object store: what it costs not to have state.
    pub state_tax: f64,
    /// The same as reads for a thousand requests.
    pub store_reads_per_1000: f64,
}

/// What lost an owner, as shares of all load.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moved {
    forced: f64,
    voluntary: f64,
}

impl Moved {
    pub(super) fn add(&mut self, score: &TickScore) {
        match score.has_pod_change {
            true => self.forced += score.moved,
            false => self.voluntary += score.moved,
        }
    }
}

impl Figures {
    pub(super) fn of(way: Way, tally: &Tally, moved: Moved, end_ms: u64) -> Self {
        let over_mean = tally.over_mean(end_ms);
        let (requests, hits, cold) = (tally.request_count, tally.hit_count, tally.cold_count);
        let store_reads = requests - hits;
        Self {
            way: way.as_str(),
            mean_over_mean: rounded(over_mean.mean),
            p99_over_mean: rounded(over_mean.p99),
            forced_moved: rounded(moved.forced),
            voluntary_moved: rounded(moved.voluntary),
            requests,
            hits,
            cold,
            store_reads,
            hit_share: share(hits, requests - cold),
            worst_hit_share: tally.worst_share().map(rounded),
            cold_share: share(cold, requests),
            state_tax: share(store_reads, requests),
            store_reads_per_1000: rounded(1_000.0 * store_reads as f64 / requests.max(1) as f64),
        }
    }

    fn cells(&self) -> Vec<String> {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        vec![
            self.way.to_owned(),
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

/// The part of the whole; of nothing, nothing.
fn share(part: u64, whole: u64) -> f64 {
    rounded(part as f64 / whole.max(1) as f64)
}

/// What stands above the figures.
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

/// The figures of several ways, below each other.
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
