//! The disruptions of a run, and their impact on requests.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::event_kind::EventKind;
use super::hot_key_impact::{HotKeyImpact, HotKeyRecorder};
use super::request::{CompletedRequest, RequestOutcome};
use super::units::{millis, per_key};
use super::warm_share::HitCount;

/// The period after an event in which its impact is counted, in seconds.
const WINDOW_SECONDS: usize = 10;
const WINDOW: Duration = Duration::from_secs(WINDOW_SECONDS as u64);

/// A disruption as shown in the summary. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChaosEvent {
    /// Time since the start of the run.
    pub at_ms: u64,
    /// The kind of disruption.
    pub kind: EventKind,
    /// The pods or members, joined by commas, or the key that became hot.
    pub pod: String,
    /// The number of requests that failed within ten seconds.
    pub failed: u64,
    /// The share of answers from warm memory in the worst of these seconds; 1 without answers.
    pub min_hit_share: f64,
    /// For a killed leader, the time without a leader; for all others, the longest time that any key was unavailable
    /// within these seconds.
    pub unavailable_ms: u64,
    /// The time from the event to the last failed request before the next event of its kind; 0 if none failed.
    pub failed_after_ms: u64,
    /// The mean number of owner changes per key before the next event of its kind.
    pub moved_per_key: f64,
    /// For a key that became hot: the latency, and when the load was balanced.
    #[serde(flatten)]
    pub heat: Option<HotKeyImpact>,
}

/// All events of a run, in order, identified by index.
#[derive(Debug, Default)]
pub(crate) struct EventLog {
    events: Vec<EventImpact>,
    /// The index of the last event of each kind.
    last: BTreeMap<EventKind, usize>,
}

/// An event and the counters of its impact.
#[derive(Debug)]
struct EventImpact {
    at: Duration,
    kind: EventKind,
    pod: String,
    failed: u64,
    seconds: [HitCount; WINDOW_SECONDS],
    unavailable: Duration,
    last_failed_after: Duration,
    /// Owner changes of all keys until the event, and until the next event of its kind.
    owner_changes: u64,
    owner_changes_next: Option<u64>,
    heat: Option<HotKeyRecorder>,
}

impl EventLog {
    /// Records an event at this time, with the owner changes counted so far. Returns its index.
    pub(crate) fn record(&mut self, at: Duration, kind: EventKind, pod: &str, owner_changes: u64) -> usize {
        let number = self.events.len();
        if let Some(before) = self.last.insert(kind, number) {
            self.events[before].owner_changes_next = Some(owner_changes);
        }
        self.events.push(EventImpact {
            at,
            kind,
            pod: pod.to_owned(),
            failed: 0,
            seconds: Default::default(),
            unavailable: Duration::ZERO,
            last_failed_after: Duration::ZERO,
            owner_changes,
            owner_changes_next: None,
            heat: None,
        });
        number
    }

    /// Records the time without a leader after the event.
    pub(crate) fn record_leaderless(&mut self, event: usize, lasted: Duration) {
        self.events[event].unavailable = lasted;
    }

    /// Starts a latency histogram for the event; `p99_before_us` is the 99th percentile before it.
    pub(super) fn record_hot_key(&mut self, event: usize, p99_before_us: u64) {
        self.events[event].heat = Some(HotKeyRecorder::new(p99_before_us));
    }

    /// Records the time after which no pod exceeded the tolerated load.
    pub(crate) fn record_balanced(&mut self, event: usize, after: Duration) {
        if let Some(heat) = &mut self.events[event].heat {
            heat.record_balanced(after);
        }
    }

    /// Counts a request to each event that may have affected it; its key had been unavailable for `unavailable`.
    pub(super) fn record_request(&mut self, request: &CompletedRequest, unavailable: Duration) {
        let recent = self.events.iter_mut().rev();
        for event in recent.take_while(|event| request.at < event.at + WINDOW) {
            if let Some(since) = request.at.checked_sub(event.at) {
                event.record_in_window(since, request.outcome, unavailable);
            }
        }
        for event in self.last.values() {
            let event = &mut self.events[*event];
            if let Some(since) = request.at.checked_sub(event.at) {
                event.record_until_next(since, request);
            }
        }
    }

    /// The events of a run over this many keys, with the owner changes at its end.
    pub(super) fn summary(&self, owner_changes: u64, key_count: usize) -> Vec<ChaosEvent> {
        let events = self.events.iter();
        events.map(|event| event.summary(owner_changes, key_count)).collect()
    }
}

impl EventImpact {
    /// Counts a request of the first seconds.
    fn record_in_window(&mut self, since: Duration, outcome: RequestOutcome, unavailable: Duration) {
        match outcome {
            RequestOutcome::Right { was_warm } => self.seconds[since.as_secs() as usize].record(was_warm),
            RequestOutcome::Failed { .. } => self.failed += 1,
            RequestOutcome::Wrong => {}
        }
        if self.kind != EventKind::KillLeader {
            // Unavailability that began before the event is not its impact.
            self.unavailable = self.unavailable.max(unavailable.min(since));
        }
    }

    /// Counts a request before the next event of the kind.
    fn record_until_next(&mut self, since: Duration, request: &CompletedRequest) {
        if matches!(request.outcome, RequestOutcome::Failed { .. }) {
            self.last_failed_after = self.last_failed_after.max(since);
        }
        if let Some(heat) = &mut self.heat {
            heat.record_latency(request.latency());
        }
    }

    fn summary(&self, owner_changes: u64, key_count: usize) -> ChaosEvent {
        let shares = self.seconds.iter().filter_map(|second| second.hit_share());
        let changes = self.owner_changes_next.unwrap_or(owner_changes) - self.owner_changes;
        ChaosEvent {
            at_ms: millis(self.at),
            kind: self.kind,
            pod: self.pod.clone(),
            failed: self.failed,
            min_hit_share: shares.fold(1.0, f64::min),
            unavailable_ms: millis(self.unavailable),
            failed_after_ms: millis(self.last_failed_after),
            moved_per_key: per_key(changes, key_count),
            heat: self.heat.as_ref().map(HotKeyRecorder::impact),
        }
    }
}

impl fmt::Display for ChaosEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, pod, failed) = (self.at_ms as f64 / 1_000.0, &self.pod, self.failed);
        let (what, hits) = (self.kind.as_participle(), self.min_hit_share * 100.0);
        write!(
            f,
            "{at:.1} s: {pod} {what}: {failed} failed, {hits:.1} % warm in the worst second, "
        )?;
        match self.kind {
            EventKind::KillLeader => write!(f, "no leader for {} ms", self.unavailable_ms)?,
            EventKind::Kill
            | EventKind::Drain
            | EventKind::Restart
            | EventKind::Stop
            | EventKind::Partition
            | EventKind::HotKey
            | EventKind::Scale
            | EventKind::KillAssigners => {
                write!(f, "keys unavailable for {} ms at most", self.unavailable_ms)?;
            }
        }
        write!(f, ", each key moved {:.2} times", self.moved_per_key)?;
        self.heat.map_or(Ok(()), |heat| write!(f, ", {heat}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn request(at: Duration, outcome: RequestOutcome) -> CompletedRequest {
        CompletedRequest {
            key: 0,
            due: at,
            at,
            outcome,
        }
    }

    const WARM: RequestOutcome = RequestOutcome::Right { was_warm: true };
    const COLD: RequestOutcome = RequestOutcome::Right { was_warm: false };
    const FAILED: RequestOutcome = RequestOutcome::Failed { kind: "broken" };

    #[test]
    fn the_worst_second_after_a_kill_is_found() {
        let mut log = EventLog::default();
        log.record(ms(1_000), EventKind::Kill, "pod-2", 0);
        for (at, outcome) in [
            (1_100, WARM),
            (2_100, WARM),
            (2_200, COLD),
            (2_300, COLD),
            (2_900, WARM),
        ] {
            log.record_request(&request(ms(at), outcome), Duration::ZERO);
        }
        assert_eq!(log.summary(0, 1)[0].min_hit_share, 0.5);
    }

    #[test]
    fn requests_before_or_long_after_a_kill_are_not_counted() {
        let mut log = EventLog::default();
        log.record(ms(1_000), EventKind::Kill, "pod-2", 0);
        for at in [999, 1_000, 10_999, 11_000] {
            log.record_request(&request(ms(at), FAILED), ms(700));
        }
        let event = &log.summary(0, 1)[0];
        assert_eq!((event.failed, event.unavailable_ms), (2, 700));
    }

    #[test]
    fn a_request_counts_to_each_recent_event() {
        let mut log = EventLog::default();
        for at in [0, 8_000, 16_000] {
            log.record(ms(at), EventKind::Kill, "pod", 0);
        }
        log.record_request(&request(ms(17_000), FAILED), ms(5_000));
        let impacts: Vec<_> = log
            .summary(0, 1)
            .iter()
            .map(|event| (event.failed, event.unavailable_ms))
            .collect();
        assert_eq!(impacts, [(0, 0), (1, 5_000), (1, 1_000)]);
    }

    #[test]
    fn a_killed_leader_is_missed_until_another_member_leads() {
        let mut log = EventLog::default();
        let event = log.record(ms(0), EventKind::KillLeader, "assigner-1", 0);
        log.record_request(&request(ms(10), COLD), ms(10));
        log.record_leaderless(event, ms(640));
        assert_eq!(log.summary(0, 1)[0].unavailable_ms, 640);
    }

    #[test]
    fn failures_and_moves_count_until_the_next_event_of_the_kind() {
        let mut log = EventLog::default();
        log.record(ms(0), EventKind::Kill, "pod-1", 0);
        log.record(ms(5_000), EventKind::Drain, "pod-2", 10);
        log.record_request(&request(ms(15_000), FAILED), ms(0));
        log.record(ms(20_000), EventKind::Kill, "pod-3", 30);
        log.record_request(&request(ms(21_000), FAILED), ms(0));
        let impacts: Vec<_> = log
            .summary(50, 10)
            .iter()
            .map(|event| (event.failed_after_ms, event.moved_per_key))
            .collect();
        assert_eq!(impacts, [(15_000, 3.0), (16_000, 4.0), (1_000, 2.0)]);
    }

    #[test]
    fn a_hot_key_is_reported_with_its_latency_and_when_the_load_was_balanced() {
        let mut log = EventLog::default();
        let event = log.record(ms(1_000), EventKind::HotKey, "a", 0);
        log.record_hot_key(event, 900);
        log.record_request(
            &CompletedRequest {
                due: ms(1_998),
                ..request(ms(2_000), WARM)
            },
            ms(2),
        );
        log.record_balanced(event, ms(3_500));
        let heat = HotKeyImpact {
            balanced_after_ms: Some(3_500),
            p99_before_us: 900,
            p99_after_us: 2_000,
        };
        let event = &log.summary(0, 1)[0];
        assert_eq!(event.heat, Some(heat));
        assert!(
            event
                .to_string()
                .ends_with("balanced after 3500 ms, p99 0.90 ms before and 2.00 ms after")
        );
        let json = serde_json::to_string(event).unwrap();
        assert!(
            json.ends_with(r#""balanced_after_ms":3500,"p99_before_us":900,"p99_after_us":2000}"#),
            "{json}"
        );
    }
}
