//! What happens to pods while requests come.

use std::collections::VecDeque;
use std::time::Duration;

use emberkeep_core::pod::PodName;

use super::plan::PlanError;
use crate::load_trace::{TraceEvent, TraceEventKind};

/// After this time the process of a killed pod runs again, under its name and with nothing in memory.
pub(super) const RESTART_TAKES: Duration = Duration::from_secs(10);

/// What happens to pods; times are those of the run, not of the recording.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodEvents {
    /// How often a pod is killed, the one that has been there longest; it is back 10 s later.
    pub kill_every: Option<Duration>,
    /// Whether in the middle third of the run every pod is replaced, one after the other, as in a deployment: a new
    /// one joins under a name of its own as the old one leaves.
    pub is_rolling_restart: bool,
    /// Pods that join.
    pub additions: Vec<Addition>,
}

/// Pods that join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addition {
    /// How many.
    pub pod_count: u32,
    /// When.
    pub at: Duration,
}

impl PodEvents {
    /// The pods of the beginning, and what happens to pods from then on until `end_ms`, ordered by time.
    pub(super) fn happening(&self, pod_count: u32, end_ms: u64) -> Result<Vec<TraceEvent>, PlanError> {
        let mut deeds = self.deeds(pod_count, end_ms)?;
        deeds.sort_by_key(|(at_ms, _)| *at_ms);
        let mut roster = Roster::default();
        roster.join(0, pod_count);
        for (at_ms, deed) in deeds {
            roster.happen(at_ms, deed);
        }
        Ok(roster.events)
    }

    fn deeds(&self, pod_count: u32, end_ms: u64) -> Result<Vec<(u64, Deed)>, PlanError> {
        let mut deeds = Vec::new();
        if let Some(every_ms) = self.kill_every.map(millis) {
            check_time("be killed", every_ms, end_ms)?;
            for at_ms in (every_ms..end_ms).step_by(usize::try_from(every_ms).unwrap_or(usize::MAX)) {
                deeds.push((at_ms, Deed::Kill));
                let back_at_ms = at_ms.saturating_add(millis(RESTART_TAKES));
                deeds.extend((back_at_ms < end_ms).then_some((back_at_ms, Deed::ComeBack)));
            }
        }
        if self.is_rolling_restart {
            let pods = u64::from(pod_count);
            deeds.extend((0..pods).map(|pod| (end_ms * (pods + pod) / (3 * pods), Deed::Replace)));
        }
        for Addition { pod_count, at } in &self.additions {
            check_time("join", millis(*at), end_ms)?;
            deeds.push((millis(*at), Deed::Join(*pod_count)));
        }
        Ok(deeds)
    }
}

/// What happens at one moment.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Kill,
    ComeBack,
    Replace,
    Join(u32),
}

/// Who is there.
#[derive(Debug, Default)]
struct Roster {
    /// The one that has been there longest comes first.
    live: VecDeque<PodName>,
    killed: VecDeque<PodName>,
    named_count: u32,
    events: Vec<TraceEvent>,
}

impl Roster {
    fn happen(&mut self, at_ms: u64, deed: Deed) {
        match deed {
            Deed::Kill => {
                if let Some(pod) = self.live.pop_front() {
                    self.killed.push_back(pod.clone());
                    self.note(at_ms, TraceEventKind::PodsCrashed(vec![pod]));
                }
            }
            Deed::ComeBack => {
                if let Some(pod) = self.killed.pop_front() {
                    self.live.push_back(pod.clone());
                    self.note(at_ms, TraceEventKind::PodsAdded(vec![pod]));
                }
            }
            Deed::Replace => {
                if let Some(pod) = self.live.pop_front() {
                    self.note(at_ms, TraceEventKind::PodsDrained(vec![pod]));
                    self.join(at_ms, 1);
                }
            }
            Deed::Join(pod_count) => self.join(at_ms, pod_count),
        }
    }

    fn join(&mut self, at_ms: u64, pod_count: u32) {
        let numbers = self.named_count..self.named_count + pod_count;
        self.named_count = numbers.end;
        let name = |number| PodName::try_new(&format!("pod-{number}")).expect("letters and digits make a name");
        let joined: Vec<PodName> = numbers.map(name).collect();
        self.live.extend(joined.iter().cloned());
        self.note(at_ms, TraceEventKind::PodsAdded(joined));
    }

    fn note(&mut self, at_ms: u64, what: TraceEventKind) {
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

    fn happening(events: &PodEvents, pod_count: u32, end_ms: u64) -> Vec<String> {
        let events = events.happening(pod_count, end_ms).unwrap();
        let shown = |event: TraceEvent| {
            let (deed, pods) = match event.what {
                TraceEventKind::PodsAdded(pods) => ('+', pods),
                TraceEventKind::PodsCrashed(pods) => ('x', pods),
                TraceEventKind::PodsDrained(pods) => ('-', pods),
                TraceEventKind::LoadSet(_) | TraceEventKind::End => unreachable!("only pods come and go"),
            };
            let names: Vec<&str> = pods.iter().map(PodName::as_str).collect();
            format!("{} {deed} {}", event.at_ms, names.join(" "))
        };
        events.into_iter().map(shown).collect()
    }

    #[test]
    fn one_pod_after_the_other_is_killed_and_comes_back() {
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
        assert_eq!(happening(&events, 2, 40_000), expected);
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
        assert_eq!(happening(&events, 2, 900), expected);
    }

    #[test]
    fn pods_join_when_they_are_said_to_and_not_after_the_end() {
        let at = Duration::from_millis(70);
        let events = PodEvents {
            additions: vec![Addition { pod_count: 2, at }],
            ..PodEvents::default()
        };
        assert_eq!(happening(&events, 1, 71), ["0 + pod-0", "70 + pod-1 pod-2"]);
        let error = events.happening(1, 70).unwrap_err().to_string();
        assert_eq!(error, "pods are to join at 70 ms, but the last request is at 69 ms");
    }
}
