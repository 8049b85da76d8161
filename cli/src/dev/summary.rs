//! What a run came to: for people, and as JSON with names that stay.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::events::{Event, millis, per_key};
use super::read_ledger::Reads;
use super::tally::{Latency, Tally};

/// The figures of a whole run. The names of its fields are a promise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Summary {
    pub(super) requests: u64,
    /// Requests that got the value which their key must give.
    pub(super) ok: u64,
    pub(super) failed: u64,
    pub(super) wrong: u64,
    /// Further attempts, after which a request may still be well.
    pub(super) retried: u64,
    /// Answers of pods that did not own the key.
    pub(super) misrouted: u64,
    pub(super) warm_hits: u64,
    pub(super) store_reads: u64,
    pub(super) store_bytes: u64,
    /// Slices whose owner changed.
    pub(super) moves: u64,
    /// How often a key got another owner, in the mean.
    pub(super) moved_per_key: f64,
    /// The share of answers from warm memory in the worst whole second after the warm-up; 1 if there was no answer.
    pub(super) min_hit_share: f64,
    /// The newest that was seen.
    pub(super) generation: i64,
    /// The longest time in which requests for a key waited or failed and none was answered.
    pub(super) max_unavailable_ms: u64,
    pub(super) duration_s: f64,
    /// From when a request was due.
    pub(super) latency_us: Percentiles,
    pub(super) failed_by_kind: BTreeMap<&'static str, u64>,
    pub(super) events: Vec<Event>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Percentiles {
    pub(super) p50: u64,
    pub(super) p99: u64,
    pub(super) p999: u64,
    pub(super) max: u64,
}

/// What others than the tally have counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Routing {
    pub(super) retried: u64,
    pub(super) misrouted: u64,
    pub(super) moves: u64,
    /// How often keys got other owners, all together.
    pub(super) owner_changes: u64,
    pub(super) generation: i64,
}

impl Summary {
    pub(super) fn new(tally: &Tally, routing: Routing, reads: Reads, lasted: Duration) -> Self {
        Self {
            requests: tally.requests(),
            ok: tally.ok,
            failed: tally.failed(),
            wrong: tally.wrong,
            retried: routing.retried,
            misrouted: routing.misrouted,
            warm_hits: tally.warm_hits,
            store_reads: reads.count,
            store_bytes: reads.bytes,
            moves: routing.moves,
            moved_per_key: per_key(routing.owner_changes, tally.key_count),
            min_hit_share: tally.worst_second.hit_share(),
            generation: routing.generation,
            max_unavailable_ms: millis(tally.unavailability.longest()),
            duration_s: millis(lasted) as f64 / 1_000.0,
            latency_us: Percentiles::of(&tally.latency),
            failed_by_kind: tally.failed_by_kind.clone(),
            events: tally.events.summary(routing.owner_changes, tally.key_count),
        }
    }
}

impl Percentiles {
    pub(super) fn of(latency: &Latency) -> Self {
        Self {
            p50: latency.quantile_us(0.5),
            p99: latency.quantile_us(0.99),
            p999: latency.quantile_us(0.999),
            max: latency.max_us(),
        }
    }
}

impl fmt::Display for Summary {
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

/// A part of a whole, for people.
pub(super) fn percent(part: u64, whole: u64) -> String {
    match whole {
        0 => "-".to_owned(),
        _ => format!("{:.1} %", part as f64 * 100.0 / whole as f64),
    }
}

/// Microseconds as milliseconds, for people.
pub(super) fn in_ms(micros: u64) -> String {
    format!("{:.2} ms", micros as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::super::events::EventKind;
    use super::super::reply::{Outcome, Reply};
    use super::*;

    fn summary() -> Summary {
        let ms = Duration::from_millis;
        let mut tally = Tally::of_keys(1);
        let mut record = |due, at, outcome| {
            let (due, at) = (ms(due), ms(at));
            tally.record(&Reply {
                key: 0,
                due,
                at,
                outcome,
            });
        };
        record(0, 1, Outcome::Right { was_warm: false });
        record(1, 2, Outcome::Failed { kind: "no_owner" });
        record(2, 3, Outcome::Right { was_warm: true });
        tally.events.begin(ms(2), EventKind::Kill, "pod-1", 1);
        let routing = Routing {
            retried: 4,
            misrouted: 3,
            moves: 32,
            owner_changes: 3,
            generation: 7,
        };
        Summary::new(&tally, routing, Reads { count: 1, bytes: 1_024 }, ms(1_500))
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
