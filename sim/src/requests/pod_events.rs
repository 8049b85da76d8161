//! The events of pods during a request replay: kills, restarts, replacements, additions.

use std::collections::VecDeque;
use std::time::Duration;

use emberkeep_core::pod::PodName;

use super::plan_error::{PlanError, RESTART_TIME};
use crate::load_trace::{TraceEvent, TraceEventKind};

/// The pods that are killed, replaced or added. Times are those of the replay, not of the recording.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodEvents {
    /// The interval at which the oldest pod is killed; it restarts 10 s later.
    pub kill_every: Option<Duration>,
    /// Whether every pod is replaced in the middle third of the run, one after the other, as in a deployment: a pod of
    /// another name joins as the old one leaves.
    pub is_rolling_restart: bool,
    /// Pods that join, each group at its time.
    pub additions: Vec<Addition>,
}

/// Pods that join at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addition {
    /// The number of pods.
    pub pod_count: u32,
    /// When they join, from the start of the replay.
    pub at: Duration,
}

impl PodEvents {
    /// The pods at the start and all events until `end_ms`, ordered by time.
    pub(super) fn timeline(&self, pod_count: u32, end_ms: u64) -> Result<Vec<TraceEvent>, PlanError> {
        let mut changes = self.changes(pod_count, end_ms)?;
        changes.sort_by_key(|(at_ms, _)| *at_ms);
        let mut roster = PodRoster::default();
        roster.join(0, pod_count);
        for (at_ms, change) in changes {
            roster.apply(at_ms, change);
        }
        Ok(roster.events)
    }

    fn changes(&self, pod_count: u32, end_ms: u64) -> Result<Vec<(u64, PodEventKind)>, PlanError> {
        let mut changes = Vec::new();
        if let Some(every_ms) = self.kill_every.map(millis) {
            check_time("be killed", every_ms, end_ms)?;
            for at_ms in (every_ms..end_ms).step_by(usize::try_from(every_ms).unwrap_or(usize::MAX)) {
                changes.push((at_ms, PodEventKind::Kill));
                let back_at_ms = at_ms.saturating_add(millis(RESTART_TIME));
                changes.extend((back_at_ms < end_ms).then_some((back_at_ms, PodEventKind::ComeBack)));
            }
        }
        if self.is_rolling_restart {
            let pods = u64::from(pod_count);
            changes.extend((0..pods).map(|pod| (end_ms * (pods + pod) / (3 * pods), PodEventKind::Replace)));
        }
        for Addition { pod_count, at } in &self.additions {
            check_time("join", millis(*at), end_ms)?;
            changes.push((millis(*at), PodEventKind::Join(*pod_count)));
        }
        Ok(changes)
    }
}

/// A change of the pods at one time.
#[derive(Debug, Clone, Copy)]
enum PodEventKind {
    Kill,
    ComeBack,
    Replace,
    Join(u32),
}

/// The running and the killed pods.
#[derive(Debug, Default)]
struct PodRoster {
    /// The running pods, oldest first.
    live: VecDeque<PodName>,
    killed: VecDeque<PodName>,
    named_count: u32,
    events: Vec<TraceEvent>,
}

impl PodRoster {
    fn apply(&mut self, at_ms: u64, change: PodEventKind) {
        match change {
            PodEventKind::Kill => {
                if let Some(pod) = self.live.pop_front() {
                    self.killed.push_back(pod.clone());
                    self.record(at_ms, TraceEventKind::PodsCrashed(vec![pod]));
                }
            }
            PodEventKind::ComeBack => {
                if let Some(pod) = self.killed.pop_front() {
                    self.live.push_back(pod.clone());
                    self.record(at_ms, TraceEventKind::PodsAdded(vec![pod]));
                }
            }
            PodEventKind::Replace => {
                if let Some(pod) = self.live.pop_front() {
                    self.record(at_ms, TraceEventKind::PodsDrained(vec![pod]));
                    self.join(at_ms, 1);
                }
            }
            PodEventKind::Join(pod_count) => self.join(at_ms, pod_count),
        }
    }

    fn join(&mut self, at_ms: u64, pod_count: u32) {
        let numbers = self.named_count..self.named_count + pod_count;
        self.named_count = numbers.end;
        let name = |number| PodName::try_new(&format!("pod-{number}")).expect("letters and digits make a name");
        let joined: Vec<PodName> = numbers.map(name).collect();
        self.live.extend(joined.iter().cloned());
        self.record(at_ms, TraceEventKind::PodsAdded(joined));
    }

    fn record(&mut self, at_ms: u64, what: TraceEventKind) {
        self.events.push(TraceEvent { at_ms, what });
    }
}

fn check_time(what: &'static str, at_ms: u64, end_ms: u64) -> Result<(), PlanError> {
    match at_ms < end_ms {
        true => Ok(()),
        false => Err(PlanError::TooLate {
            what,
            at_ms,
            last_ms: end_ms - 1,
        }),
    }
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(events: &PodEvents, pod_count: u32, end_ms: u64) -> Vec<String> {
        let events = events.timeline(pod_count, end_ms).unwrap();
        let shown = |event: TraceEvent| {
            let (sign, pods) = match event.what {
                TraceEventKind::PodsAdded(pods) => ('+', pods),
                TraceEventKind::PodsCrashed(pods) => ('x', pods),
                TraceEventKind::PodsDrained(pods) => ('-', pods),
                TraceEventKind::LoadSet(_) | TraceEventKind::End => unreachable!("these events are about pods"),
            };
            let names: Vec<&str> = pods.iter().map(PodName::as_str).collect();
            format!("{} {sign} {}", event.at_ms, names.join(" "))
        };
        events.into_iter().map(shown).collect()
    }

    #[test]
    fn one_pod_after_the_other_is_killed_and_restarts() {
        let events = PodEvents {
            kill_every: Some(Duration::from_secs(12)),
            ..PodEvents::default()
        };
        let expected = [
            "0 + pod-0 pod-1",
            "12000 x pod-0",
            "22000 + pod-0",
            "24000 x pod-1",
            "34000 + pod-1",
            "36000 x pod-0",
        ];
        assert_eq!(timeline(&events, 2, 40_000), expected);
    }

    #[test]
    fn in_a_rolling_restart_each_pod_is_replaced_once_in_the_middle_third() {
        let events = PodEvents {
            is_rolling_restart: true,
            ..PodEvents::default()
        };
        let expected = [
            "0 + pod-0 pod-1",
            "300 - pod-0",
            "300 + pod-2",
            "450 - pod-1",
            "450 + pod-3",
        ];
        assert_eq!(timeline(&events, 2, 900), expected);
    }

    #[test]
    fn pods_join_at_their_time_and_not_after_the_end() {
        let at = Duration::from_millis(70);
        let events = PodEvents {
            additions: vec![Addition { pod_count: 2, at }],
            ..PodEvents::default()
        };
        assert_eq!(timeline(&events, 1, 71), ["0 + pod-0", "70 + pod-1 pod-2"]);
        let error = events.timeline(1, 70).unwrap_err().to_string();
        assert_eq!(error, "pods are to join at 70 ms, but the last request is at 69 ms");
    }
}
