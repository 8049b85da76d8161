//! The figures of a whole run, as text and as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::events::ChaosEvent;
use super::latency::Latency;
use super::run_tally::RunTally;
use super::units::{in_ms, millis, per_key, percent};

/// The figures of a whole run. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSummary {
    /// Completed requests, failed ones included.
    pub requests: u64,
    /// Requests answered with the expected value of their key.
    pub ok: u64,
    /// Requests that ended with an error.
    pub failed: u64,
    /// Requests answered with another value.
    pub wrong: u64,
    /// Attempts after the first; the request may still have succeeded.
    pub retried: u64,
    /// Answers of pods that did not own the key.
    pub misrouted: u64,
    /// Answers from warm memory.
    pub warm_hits: u64,
    /// Reads of the object store by all pods.
    pub store_reads: u64,
    /// Bytes of objects returned by these reads.
    pub store_bytes: u64,
    /// Slices whose owner changed.
    pub moves: u64,
    /// The mean number of owner changes per key.
    pub moved_per_key: f64,
    /// The share of answers from warm memory in the worst whole second after the warm-up; 1 without answers.
    pub min_hit_share: f64,
    /// The newest generation of the assignment observed.
    pub generation: i64,
    /// The longest time in which requests for a key waited or failed and none was answered.
    pub max_unavailable_ms: u64,
    /// From the first request to the last answer.
    pub duration_s: f64,
    /// Counted from when a request was due.
    pub latency_us: Percentiles,
    /// Failed requests by kind.
    pub failed_by_kind: BTreeMap<&'static str, u64>,
    /// The disruptions, in order.
    pub events: Vec<ChaosEvent>,
}

/// Percentiles of latency in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "percentiles are named as usual")]
pub struct Percentiles {
    pub p50: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
}

/// Counters not kept by the tally.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RunCounters {
    pub(crate) retried: u64,
    pub(crate) misrouted: u64,
    pub(crate) moves: u64,
    /// Owner changes of all keys.
    pub(crate) owner_changes: u64,
    pub(crate) generation: i64,
    pub(crate) store_reads: u64,
    pub(crate) store_bytes: u64,
}

impl RunSummary {
    pub(crate) fn new(tally: &RunTally, counters: RunCounters, lasted: Duration) -> Self {
        Self {
            requests: tally.requests(),
            ok: tally.ok,
            failed: tally.failed(),
            wrong: tally.wrong,
            retried: counters.retried,
            misrouted: counters.misrouted,
            warm_hits: tally.warm_hits,
            store_reads: counters.store_reads,
            store_bytes: counters.store_bytes,
            moves: counters.moves,
            moved_per_key: per_key(counters.owner_changes, tally.key_count),
            min_hit_share: tally.worst_second.hit_share(),
            generation: counters.generation,
            max_unavailable_ms: millis(tally.unavailability.longest()),
            duration_s: millis(lasted) as f64 / 1_000.0,
            latency_us: Percentiles::of(&tally.latency),
            failed_by_kind: tally.failed_by_kind.clone(),
            events: tally.events.summary(counters.owner_changes, tally.key_count),
        }
    }
}

impl Percentiles {
    fn of(latency: &Latency) -> Self {
        Self {
            p50: latency.quantile_us(0.5),
            p99: latency.quantile_us(0.99),
            p999: latency.quantile_us(0.999),
            max: latency.max_us(),
        }
    }
}

impl fmt::Display for RunSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.requests as f64 / self.duration_s.max(0.001);
        writeln!(
            f,
            "requests     {} in {:.1} s, {rate:.0}/s",
            self.requests, self.duration_s
        )?;
        writeln!(
            f,
            "answers      {} right, {} wrong, {} failed",
            self.ok, self.wrong, self.failed
        )?;
        for (kind, count) in &self.failed_by_kind {
            writeln!(f, "             {count} {kind}")?;
        }
        writeln!(f, "routing      {} retried, {} misrouted", self.retried, self.misrouted)?;
        writeln!(
            f,
            "warm hits    {}, {} of the answers",
            self.warm_hits,
            percent(self.warm_hits, self.ok)
        )?;
        writeln!(f, "store reads  {}, {} bytes", self.store_reads, self.store_bytes)?;
        let Percentiles { p50, p99, p999, max } = self.latency_us;
        let [p50, p99, p999, max] = [p50, p99, p999, max].map(in_ms);
        writeln!(f, "latency      p50 {p50}, p99 {p99}, p99.9 {p999}, max {max}")?;
        writeln!(
            f,
            "assignment   generation {}, {} slices moved, each key {:.2} times",
            self.generation, self.moves, self.moved_per_key
        )?;
        writeln!(f, "worst second {:.1} % warm", self.min_hit_share * 100.0)?;
        writeln!(f, "unavailable  {} ms at most, for any key", self.max_unavailable_ms)?;
        self.events
            .iter()
            .try_for_each(|event| writeln!(f, "event        {event}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::event_kind::EventKind;
    use super::super::request::{CompletedRequest, RequestOutcome};
    use super::*;

    fn summary() -> RunSummary {
        let ms = Duration::from_millis;
        let mut tally = RunTally::of_keys(1);
        let mut record = |due, at, outcome| {
            let (due, at) = (ms(due), ms(at));
            tally.record(&CompletedRequest {
                key: 0,
                due,
                at,
                outcome,
            });
        };
        record(0, 1, RequestOutcome::Right { was_warm: false });
        record(1, 2, RequestOutcome::Failed { kind: "no_owner" });
        record(2, 3, RequestOutcome::Right { was_warm: true });
        tally.events.record(ms(2), EventKind::Kill, "pod-1", 1);
        let counters = RunCounters {
            retried: 4,
            misrouted: 3,
            moves: 32,
            owner_changes: 3,
            generation: 7,
            store_reads: 1,
            store_bytes: 1_024,
        };
        RunSummary::new(&tally, counters, ms(1_500))
    }

    #[test]
    fn the_names_in_the_json_stay() {
        let expected = concat!(
            r#"{"requests":3,"ok":2,"failed":1,"wrong":0,"retried":4,"misrouted":3,"warm_hits":1,"store_reads":1,"#,
            r#""store_bytes":1024,"moves":32,"moved_per_key":3.0,"min_hit_share":1.0,"generation":7,"max_unavailable_ms":2,"duration_s":1.5,"#,
            r#""latency_us":{"p50":1000,"p99":1000,"p999":1000,"max":1000},"failed_by_kind":{"no_owner":1},"#,
            r#""events":[{"at_ms":2,"kind":"kill","pod":"pod-1","failed":0,"min_hit_share":1.0,"unavailable_ms":0,"#,
            r#""failed_after_ms":0,"moved_per_key":2.0}]}"#,
        );
        assert_eq!(serde_json::to_string(&summary()).unwrap(), expected);
    }

    #[test]
    fn people_read_lines() {
        let text = summary().to_string();
        assert!(text.contains("requests     3 in 1.5 s, 2/s\n"), "{text}");
        assert!(text.contains("warm hits    1, 50.0 % of the answers\n"), "{text}");
        assert!(text.contains("pod-1 killed: 0 failed"), "{text}");
    }
}
