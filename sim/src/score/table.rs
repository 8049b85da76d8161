//! Summaries as a text table.

use std::fmt;

use super::Summary;
use crate::text_table::TextTable;

/// A table with one summary a row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScoreTable {
    rows: Vec<Vec<String>>,
}

/// The headers; the first two columns are texts.
const COLUMNS: [&str; 14] = [
    "TRACE",
    "BALANCER",
    "REST MEAN",
    "P99",
    "MAX",
    "MEAN POD",
    "FORCED/H",
    "NEEDED/H",
    "VOLUNTARY/H",
    "1ST MINUTE",
    "LARGEST ROUND",
    "OVER BAND",
    "UNCOVERED",
    "DECIDE P99",
];

impl ScoreTable {
    /// Adds a row for a balancer on a trace.
    pub fn push(&mut self, trace: &str, balancer: &str, summary: &Summary) {
        let figure = |figure: f64| format!("{figure:.3}");
        self.rows.push(vec![
            trace.to_owned(),
            balancer.to_owned(),
            figure(summary.mean_rest),
            figure(summary.p99_rest),
            figure(summary.max_rest),
            figure(summary.mean_over_mean),
            figure(summary.forced_per_h),
            figure(summary.needed_per_h),
            figure(summary.voluntary_per_h),
            figure(summary.first_minute),
            figure(summary.max_round_moved),
            format!("{}/{}", summary.over_band_ticks, summary.ticks),
            summary.uncovered.to_string(),
            match summary.decide.count {
                0 => "-".to_owned(),
                _ => format!("{:.1} ms", summary.decide.p99_ms),
            },
        ]);
    }
}

impl fmt::Display for ScoreTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = TextTable {
            header: &COLUMNS,
            text_columns: 2,
            rows: &self.rows,
        };
        table.fmt(f)
    }
}
