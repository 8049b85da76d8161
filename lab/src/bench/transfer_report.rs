//! The cost of moving all values to a new pod, as text and as JSON.

use std::fmt;
use std::ops::AddAssign;

use serde::Serialize;
use tonic::Status;

use super::bench_report::BenchReport;
use crate::report::{ReportTable, mib, share};

/// The figures of the measurement. Field names are stable.
#[derive(Debug, Serialize)]
pub struct TransferReport {
    pub(super) objects: u32,
    pub(super) object_bytes: u64,
    pub(super) asks: u32,
    pub(super) choice: &'static str,
    pub(super) runs: Vec<TransferRun>,
}

/// One pod replaced by another.
#[derive(Debug, Serialize)]
pub(super) struct TransferRun {
    /// Whether warm values were transferred before the new pod served.
    pub(super) transfer: bool,
    /// From the start of the new pod, when the old one got SIGTERM, until the new one served all keys.
    pub(super) seconds: f64,
    /// The part of that time since the first slice started to move.
    pub(super) moving_seconds: f64,
    /// Megabytes of objects transferred a second in that part; `None` without the transfer.
    pub(super) mb_per_s: Option<f64>,
    /// The time in which each object was then requested once from the new pod.
    pub(super) asking_seconds: f64,
    /// The number of objects requested.
    pub(super) asked: u64,
    /// The number of warm ones among them.
    pub(super) warm: u64,
    /// Reads of the store, from the start of the new pod until each object had been requested.
    pub(super) store_reads: u64,
    pub(super) store_bytes: u64,
    pub(super) wrong: u64,
    pub(super) failed: u64,
    /// The old pod; its steady memory is that before the move.
    pub(super) old_pod: PodMemory,
    /// The new pod; its steady memory is that after each object was requested.
    pub(super) new_pod: PodMemory,
}

/// The resident memory of a pod.
#[derive(Debug, Serialize)]
pub(super) struct PodMemory {
    rss_steady_bytes: u64,
    /// The peak up to that time; of the old pod, the peak of the move.
    rss_peak_bytes: u64,
    rss_peak_over_steady: f64,
}

/// The outcomes of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct AnswerCounts {
    pub(super) asked: u64,
    pub(super) warm: u64,
    pub(super) wrong: u64,
    pub(super) failed: u64,
}

impl BenchReport for TransferReport {
    fn wrong(&self) -> u64 {
        self.runs.iter().map(|run| run.wrong).sum()
    }
}

impl PodMemory {
    pub(super) fn new(rss_steady_bytes: u64, rss_peak_bytes: u64) -> Self {
        Self {
            rss_steady_bytes,
            rss_peak_bytes,
            rss_peak_over_steady: rss_peak_bytes as f64 / rss_steady_bytes as f64,
        }
    }
}

impl AnswerCounts {
    /// One answer: whether it was correct, and whether it was warm.
    pub(super) fn of(answer: Result<(bool, bool), Status>) -> Self {
        let failed = answer.is_err();
        let (is_right, was_warm) = answer.unwrap_or_default();
        Self {
            asked: 1,
            warm: was_warm.into(),
            wrong: (!failed && !is_right).into(),
            failed: failed.into(),
        }
    }
}

impl AddAssign for AnswerCounts {
    fn add_assign(&mut self, other: Self) {
        self.asked += other.asked;
        self.warm += other.warm;
        self.wrong += other.wrong;
        self.failed += other.failed;
    }
}

impl fmt::Display for TransferReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = u64::from(self.objects) * self.object_bytes;
        writeln!(
            f,
            "{} objects of {} bytes, {} in all, asked for {} times ({}), then moved to a new pod",
            self.objects,
            self.object_bytes,
            mib(bytes),
            u64::from(self.objects) + u64::from(self.asks),
            self.choice,
        )?;
        let headings = [
            "transfer",
            "served after",
            "moving for",
            "MB/s",
            "each once in",
            "warm",
            "store reads",
            "store bytes",
            "failed",
        ];
        write!(
            f,
            "{}",
            ReportTable::of(headings, self.runs.iter().map(TransferRun::line))
        )?;
        writeln!(f)?;
        let headings = ["memory", "RSS steady", "RSS peak", "peak/steady"];
        write!(
            f,
            "{}",
            ReportTable::of(headings, self.runs.iter().flat_map(TransferRun::memory_lines))
        )
    }
}

impl TransferRun {
    fn name(&self) -> &'static str {
        match self.transfer {
            true => "on",
            false => "off",
        }
    }

    fn line(&self) -> [String; 9] {
        [
            self.name().to_owned(),
            format!("{:.2} s", self.seconds),
            format!("{:.2} s", self.moving_seconds),
            self.mb_per_s
                .map_or_else(|| "-".to_owned(), |rate| format!("{rate:.0}")),
            format!("{:.2} s", self.asking_seconds),
            share(self.warm, self.asked),
            self.store_reads.to_string(),
            mib(self.store_bytes),
            self.failed.to_string(),
        ]
    }

    fn memory_lines(&self) -> [[String; 4]; 2] {
        [("old", &self.old_pod), ("new", &self.new_pod)].map(|(pod, memory)| {
            [
                format!("transfer {}, {pod} pod", self.name()),
                mib(memory.rss_steady_bytes),
                mib(memory.rss_peak_bytes),
                format!("{:.3}", memory.rss_peak_over_steady),
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_is_counted_once() {
        let mut sum = AnswerCounts::default();
        for answer in [
            Ok((true, true)),
            Ok((true, false)),
            Ok((false, true)),
            Err(Status::unavailable("gone")),
        ] {
            sum += AnswerCounts::of(answer);
        }
        let expected = AnswerCounts {
            asked: 4,
            warm: 2,
            wrong: 1,
            failed: 1,
        };
        assert_eq!(sum, expected);
    }
}
