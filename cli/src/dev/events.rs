//! What was done to the cluster during a run, and how the requests fared afterwards.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

pub(super) use super::event_kind::EventKind;
use super::reply::{Outcome, Reply};
use super::summary::in_ms;
use super::tally::Latency;
use super::worst_second::Answers;

/// How long after an event requests are counted to it.
const WINDOW_SECONDS: usize = 10;
const WINDOW: Duration = Duration::from_secs(WINDOW_SECONDS as u64);

/// An event as the summary shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Event {
    pub(super) at_ms: u64,
    pub(super) kind: EventKind,
    /// Whom it struck: pods or members, joined by commas; or the key that got hot.
    pub(super) pod: String,
    /// How many requests failed within ten seconds.
    pub(super) failed: u64,
    /// The share of answers from warm memory in the worst of these seconds; 1 if there was no answer.
    pub(super) min_hit_share: f64,
    /// For a leader, how long it took until another one led; for all others, how long a key went without an answer at
    /// most within these seconds.
    pub(super) unavailable_ms: u64,
    /// How long after the event the last request failed that did before the next event of its kind; 0 if none did.
    pub(super) failed_after_ms: u64,
    /// How often a key got another owner in the mean, before the next event of its kind.
    pub(super) moved_per_key: f64,
    #[serde(flatten)]
    pub(super) heat: Option<Heat>,
}

/// What became of a key that got hot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Heat {
    /// How long it took until no pod carried too much any more; none if that was never so for long enough.
    pub(super) balanced_after_ms: Option<u64>,
    /// The latency that 99 % of the requests did not exceed until then, and from then on.
    pub(super) p99_before_us: u64,
    pub(super) p99_after_us: u64,
}

/// All events of a run, in order.
#[derive(Debug, Default)]
pub(super) struct EventLog {
    events: Vec<Aftermath>,
    /// The last event of each kind, by its number.
    last: BTreeMap<EventKind, usize>,
}

/// An event with what is counted to it.
#[derive(Debug)]
struct Aftermath {
    at: Duration,
    kind: EventKind,
    pod: String,
    failed: u64,
    seconds: [Answers; WINDOW_SECONDS],
    unavailable: Duration,
    last_failed_after: Duration,
    /// How often keys had got other owners when it happened, and when the next of its kind did.
    owner_changes: u64,
    owner_changes_next: Option<u64>,
    heat: Option<Heating>,
}

/// What is counted to a key that got hot.
#[derive(Debug)]
struct Heating {
    p99_before_us: u64,
    latency: Latency,
    balanced_after: Option<Duration>,
}

impl EventLog {
    /// An event that happens now, when keys have got other owners so many times. Answers with its number.
    pub(super) fn begin(&mut self, at: Duration, kind: EventKind, pod: &str, owner_changes: u64) -> usize {
        let number = self.events.len();
        if let Some(before) = self.last.insert(kind, number) {
            self.events[before].owner_changes_next = Some(owner_changes);
        }
        self.events.push(Aftermath {
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

    /// The leader that the event has struck was missed for so long.
    pub(super) fn leader_missed(&mut self, number: usize, lasted: Duration) {
        self.events[number].unavailable = lasted;
    }

    /// From now on, latency is counted to the event, before which it was this.
    pub(super) fn key_gets_hot(&mut self, number: usize, p99_before_us: u64) {
        self.events[number].heat = Some(Heating {
            p99_before_us,
            latency: Latency::default(),
            balanced_after: None,
        });
    }

    /// So long after the event, no pod carried too much any more.
    pub(super) fn load_balanced(&mut self, number: usize, after: Duration) {
        if let Some(heat) = &mut self.events[number].heat {
            heat.balanced_after = Some(after);
        }
    }

    /// Counts a reply to every event that it may be a consequence of; its key had gone unanswered for `unavailable`.
    pub(super) fn observe(&mut self, reply: &Reply, unavailable: Duration) {
        let recent = self.events.iter_mut().rev();
        for event in recent.take_while(|event| reply.at < event.at + WINDOW) {
            if let Some(since) = reply.at.checked_sub(event.at) {
                event.observe(since, reply.outcome, unavailable);
            }
        }
        for number in self.last.values() {
            let event = &mut self.events[*number];
            if let Some(since) = reply.at.checked_sub(event.at) {
                event.observe_late(since, reply);
            }
        }
    }

    /// The events of a run over so many keys that have got other owners so many times.
    pub(super) fn summary(&self, owner_changes: u64, key_count: usize) -> Vec<Event> {
        let events = self.events.iter();
        events.map(|event| event.summary(owner_changes, key_count)).collect()
    }
}

impl Aftermath {
    /// A reply of the first seconds.
    fn observe(&mut self, since: Duration, outcome: Outcome, unavailable: Duration) {
        match outcome {
            Outcome::Right { was_warm } => self.seconds[since.as_secs() as usize].count(was_warm),
            Outcome::Failed { .. } => self.failed += 1,
            Outcome::Wrong => {}
        }
        if self.kind != EventKind::KillLeader {
            // What began before the event is none of its doing.
            self.unavailable = self.unavailable.max(unavailable.min(since));
        }
    }

    /// A reply before the next event of the kind.
    fn observe_late(&mut self, since: Duration, reply: &Reply) {
        if matches!(reply.outcome, Outcome::Failed { .. }) {
            self.last_failed_after = self.last_failed_after.max(since);
        }
        if let Some(heat) = &mut self.heat {
            heat.latency.record(reply.latency());
        }
    }

    fn summary(&self, owner_changes: u64, key_count: usize) -> Event {
        let shares = self.seconds.iter().filter_map(|second| second.hit_share());
        let changes = self.owner_changes_next.unwrap_or(owner_changes) - self.owner_changes;
        Event {
            at_ms: millis(self.at),
            kind: self.kind,
            pod: self.pod.clone(),
            failed: self.failed,
            min_hit_share: shares.fold(1.0, f64::min),
            unavailable_ms: millis(self.unavailable),
            failed_after_ms: millis(self.last_failed_after),
            moved_per_key: per_key(changes, key_count),
            heat: self.heat.as_ref().map(Heating::summary),
        }
    }
}

impl Heating {
    fn summary(&self) -> Heat {
        Heat {
            balanced_after_ms: self.balanced_after.map(millis),
            p99_before_us: self.p99_before_us,
            p99_after_us: self.latency.quantile_us(0.99),
        }
    }
}

impl fmt::Display for Event {
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

impl fmt::Display for Heat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.balanced_after_ms {
            Some(after) => write!(f, "balanced after {after} ms")?,
            None => f.write_str("never balanced")?,
        }
        let [before, after] = [self.p99_before_us, self.p99_after_us].map(in_ms);
        write!(f, ", p99 {before} before and {after} after")
    }
}

/// How often that is for each key, in the mean.
pub(super) fn per_key(changes: u64, key_count: usize) -> f64 {
    changes as f64 / key_count.max(1) as f64
}

/// Whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn reply(at: Duration, outcome: Outcome) -> Reply {
        Reply {
            key: 0,
            due: at,
            at,
            outcome,
        }
    }

    const WARM: Outcome = Outcome::Right { was_warm: true };
    const COLD: Outcome = Outcome::Right { was_warm: false };
    const FAILED: Outcome = Outcome::Failed { kind: "broken" };

    #[test]
    fn the_worst_second_after_a_kill_is_found() {
        let mut log = EventLog::default();
        log.begin(ms(1_000), EventKind::Kill, "pod-2", 0);
        for (at, outcome) in [
            (1_100, WARM),
            (2_100, WARM),
            (2_200, COLD),
            (2_300, COLD),
            (2_900, WARM),
        ] {
            log.observe(&reply(ms(at), outcome), Duration::ZERO);
        }
        assert_eq!(log.summary(0, 1)[0].min_hit_share, 0.5);
    }

    #[test]
    fn what_comes_before_or_long_after_a_kill_is_not_counted() {
        let mut log = EventLog::default();
        log.begin(ms(1_000), EventKind::Kill, "pod-2", 0);
        for at in [999, 1_000, 10_999, 11_000] {
            log.observe(&reply(ms(at), FAILED), ms(700));
        }
        let event = &log.summary(0, 1)[0];
        assert_eq!((event.failed, event.unavailable_ms), (2, 700));
    }

    #[test]
    fn a_reply_counts_to_each_event_that_is_recent() {
        let mut log = EventLog::default();
        for at in [0, 8_000, 16_000] {
            log.begin(ms(at), EventKind::Kill, "pod", 0);
        }
        log.observe(&reply(ms(17_000), FAILED), ms(5_000));
        let told: Vec<_> = log
            .summary(0, 1)
            .iter()
            .map(|event| (event.failed, event.unavailable_ms))
            .collect();
        assert_eq!(told, [(0, 0), (1, 5_000), (1, 1_000)]);
    }

    #[test]
    fn a_leader_is_missed_until_another_one_leads() {
        let mut log = EventLog::default();
        let number = log.begin(ms(0), EventKind::KillLeader, "assigner-1", 0);
        log.observe(&reply(ms(10), COLD), ms(10));
        log.leader_missed(number, ms(640));
        assert_eq!(log.summary(0, 1)[0].unavailable_ms, 640);
    }

    #[test]
    fn what_fails_and_moves_counts_until_the_next_event_of_the_kind() {
        let mut log = EventLog::default();
        log.begin(ms(0), EventKind::Kill, "pod-1", 0);
        log.begin(ms(5_000), EventKind::Drain, "pod-2", 10);
        log.observe(&reply(ms(15_000), FAILED), ms(0));
        log.begin(ms(20_000), EventKind::Kill, "pod-3", 30);
        log.observe(&reply(ms(21_000), FAILED), ms(0));
        let told: Vec<_> = log
            .summary(50, 10)
            .iter()
            .map(|event| (event.failed_after_ms, event.moved_per_key))
            .collect();
        assert_eq!(told, [(15_000, 3.0), (16_000, 4.0), (1_000, 2.0)]);
    }

    #[test]
    fn a_hot_key_is_told_with_its_latency_and_when_it_was_balanced() {
        let mut log = EventLog::default();
        let number = log.begin(ms(1_000), EventKind::HotKey, "a", 0);
        log.key_gets_hot(number, 900);
        log.observe(
            &Reply {
                due: ms(1_998),
                ..reply(ms(2_000), WARM)
            },
            ms(2),
        );
        log.load_balanced(number, ms(3_500));
        let heat = Heat {
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
