//! What was done to the cluster during a run, and how the requests fared afterwards.

use std::time::Duration;

use serde::Serialize;

use super::reply::{Outcome, Reply};

/// How long after an event requests are counted to it.
const WINDOW_SECONDS: usize = 10;
const WINDOW: Duration = Duration::from_secs(WINDOW_SECONDS as u64);

/// Something that was done to the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EventKind {
    /// A pod got SIGKILL.
    Kill,
    /// The leading member of the assigner got SIGKILL.
    KillLeader,
}

/// An event as the summary shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Event {
    pub(super) at_ms: u64,
    pub(super) kind: EventKind,
    /// Whom it struck.
    pub(super) pod: String,
    /// How many requests failed within ten seconds.
    pub(super) failed: u64,
    /// The share of answers from warm memory in the worst of these seconds; 1 if there was no answer.
    pub(super) min_hit_share: f64,
    /// For a pod, how long a key went without an answer at most within these seconds; for a leader, how long it took
    /// until another one led.
    pub(super) unavailable_ms: u64,
}

/// All events of a run, in order.
#[derive(Debug, Default)]
pub(super) struct EventLog {
    events: Vec<Aftermath>,
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
}

#[derive(Debug, Clone, Copy, Default)]
struct Answers {
    all: u64,
    warm: u64,
}

impl EventLog {
    /// An event that happens now. Answers with its number.
    pub(super) fn begin(&mut self, at: Duration, kind: EventKind, pod: &str) -> usize {
        self.events.push(Aftermath {
            at,
            kind,
            pod: pod.to_owned(),
            failed: 0,
            seconds: Default::default(),
            unavailable: Duration::ZERO,
        });
        self.events.len() - 1
    }

    /// The leader that the event has struck was missed for so long.
    pub(super) fn leader_missed(&mut self, number: usize, lasted: Duration) {
        self.events[number].unavailable = lasted;
    }

    /// Counts a reply to every event that it may be a consequence of; its key had gone unanswered for `unavailable`.
    pub(super) fn observe(&mut self, reply: &Reply, unavailable: Duration) {
        let recent = self
            .events
            .iter_mut()
            .rev()
            .take_while(|event| reply.at < event.at + WINDOW);
        for event in recent {
            let Some(since) = reply.at.checked_sub(event.at) else {
                continue;
            };
            event.observe(since, reply.outcome);
            if event.kind == EventKind::Kill {
                // What began before the event is none of its doing.
                event.unavailable = event.unavailable.max(unavailable.min(since));
            }
        }
    }

    pub(super) fn summary(&self) -> Vec<Event> {
        self.events.iter().map(Aftermath::summary).collect()
    }
}

impl Aftermath {
    fn observe(&mut self, since: Duration, outcome: Outcome) {
        match outcome {
            Outcome::Right { was_warm } => {
                let second = &mut self.seconds[since.as_secs() as usize];
                second.all += 1;
                second.warm += u64::from(was_warm);
            }
            Outcome::Failed { .. } => self.failed += 1,
            Outcome::Wrong => {}
        }
    }

    fn summary(&self) -> Event {
        let answered = self.seconds.iter().filter(|second| second.all > 0);
        let shares = answered.map(|second| second.warm as f64 / second.all as f64);
        Event {
            at_ms: millis(self.at),
            kind: self.kind,
            pod: self.pod.clone(),
            failed: self.failed,
            min_hit_share: shares.fold(1.0, f64::min),
            unavailable_ms: millis(self.unavailable),
        }
    }
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
        log.begin(ms(1_000), EventKind::Kill, "pod-2");
        for (at, outcome) in [
            (1_100, WARM),
            (2_100, WARM),
            (2_200, COLD),
            (2_300, COLD),
            (2_900, WARM),
        ] {
            log.observe(&reply(ms(at), outcome), Duration::ZERO);
        }
        assert_eq!(log.summary()[0].min_hit_share, 0.5);
    }

    #[test]
    fn what_comes_before_or_long_after_a_kill_is_not_counted() {
        let mut log = EventLog::default();
        log.begin(ms(1_000), EventKind::Kill, "pod-2");
        for at in [999, 1_000, 10_999, 11_000] {
            log.observe(&reply(ms(at), FAILED), ms(700));
        }
        let event = &log.summary()[0];
        assert_eq!((event.failed, event.unavailable_ms), (2, 700));
    }

    #[test]
    fn a_reply_counts_to_each_event_that_is_recent() {
        let mut log = EventLog::default();
        for at in [0, 8_000, 16_000] {
            log.begin(ms(at), EventKind::Kill, "pod");
        }
        log.observe(&reply(ms(17_000), FAILED), ms(5_000));
        let told: Vec<_> = log
            .summary()
            .iter()
            .map(|event| (event.failed, event.unavailable_ms))
            .collect();
        assert_eq!(told, [(0, 0), (1, 5_000), (1, 1_000)]);
    }

    #[test]
    fn a_leader_is_missed_until_another_one_leads() {
        let mut log = EventLog::default();
        let number = log.begin(ms(0), EventKind::KillLeader, "assigner-1");
        log.observe(&reply(ms(10), COLD), ms(10));
        log.leader_missed(number, ms(640));
        assert_eq!(log.summary()[0].unavailable_ms, 640);
    }
}
