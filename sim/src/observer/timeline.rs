//! The timeline: the events of a run that an operator would note.

use std::collections::BTreeSet;
use std::sync::Arc;

use emberkeep_core::assigner::{Alarm, Applied, ChangeKind};
use emberkeep_core::balancer::{DecisionReport, MoveCause};
use emberkeep_core::load::Load;
use emberkeep_core::pod::PodName;
use emberkeep_core::time::Timestamp;
use serde::Serialize;

use super::figures::{counted, lasting, moment, percent_of, ratio};
use crate::cluster::{ClusterEvent, Fault, SimCluster, TimedEvent};

/// What a note of the timeline is about; the page of a run gives each kind its own mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NoteKind {
    /// A disturbance of a process, a host, a network or the leader.
    Fault,
    /// The load of keys changes.
    Load,
    /// An operator changes settings, or freezes the assignment.
    Operator,
    /// Pods start, register, exit or are declared dead.
    Pod,
    /// A decision of the assigner takes effect.
    Decision,
    /// Requests reach no pod, or all reach one again.
    Outage,
    /// A gauge that operators are alerted by changes; not part of the text.
    Alarm,
    /// An invariant is violated, in a soak.
    Violation,
}

impl NoteKind {
    /// The kind of a note about a fault of a pod.
    pub(crate) const fn of_fault(fault: Fault) -> Self {
        match fault {
            Fault::Drain | Fault::Start => NoteKind::Pod,
            Fault::Kill
            | Fault::Lose
            | Fault::Quit
            | Fault::Freeze
            | Fault::Thaw
            | Fault::CutOff
            | Fault::Reconnect => NoteKind::Fault,
        }
    }
}

/// One event that an operator would note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineNote {
    /// The virtual time of the event.
    pub at: Timestamp,
    /// The kind that decides its mark.
    pub kind: NoteKind,
    /// One line about it.
    pub text: String,
    /// For a decision the balance that it changes and its largest moves, one line each.
    pub details: Vec<String>,
}

/// The notes so far, each with its time.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    notes: Vec<TimelineNote>,
    /// Pods that registered in a row, shown as one line.
    registered: Vec<PodName>,
    registered_at: Timestamp,
    proposed: Option<Arc<DecisionReport>>,
    /// Pods that exited after draining; their removal is not reported again.
    exited: BTreeSet<PodName>,
    unanswered_since: Option<Timestamp>,
    alarm: Alarm,
}

/// Further lines are only counted, to keep the outcome readable.
const LINES_MAX: usize = 80;

impl Timeline {
    /// Adds a note without details, such as an operation on the cluster.
    pub(crate) fn record(&mut self, at: Timestamp, kind: NoteKind, text: String) {
        self.end_registrations();
        self.push(at, kind, text);
    }

    /// Adds an event of the cluster.
    pub(crate) fn on_event(&mut self, event: &TimedEvent) {
        match &event.what {
            ClusterEvent::Replicated { change, outcome } if *outcome == Applied::Done => {
                self.on_replicated(change, event.at)
            }
            ClusterEvent::Decided(report) => self.proposed = Some(report.clone()),
            ClusterEvent::Exited { pod, is_forced } => self.on_exited(pod, *is_forced, event.at),
            ClusterEvent::Alerted(alarm) => self.on_alerted(*alarm, event.at),
            ClusterEvent::Elected if event.at > Timestamp::ZERO => {
                self.record(event.at, NoteKind::Fault, "a new leader is elected".to_owned())
            }
            ClusterEvent::Elected
            | ClusterEvent::Replicated { .. }
            | ClusterEvent::Routed { .. }
            | ClusterEvent::Published { .. } => {}
        }
    }

    /// Adds the beginning or the end of an outage after a change of routing or load.
    pub(crate) fn on_cluster_changed(&mut self, cluster: &SimCluster) {
        let (unanswered, now) = (cluster.outage().unanswered, cluster.now());
        match (self.unanswered_since, unanswered > Load::ZERO) {
            // ## Served -> Outage: some load reaches no pod
            (None, true) => {
                self.unanswered_since = Some(now);
                let share = percent_of(unanswered, cluster.traffic().total());
                self.record(now, NoteKind::Outage, format!("{share} of the load reaches no pod"));
            }
            // ## Outage -> Served: all load reaches a pod again
            (Some(since), false) => {
                self.unanswered_since = None;
                self.record(
                    now,
                    NoteKind::Outage,
                    format!("all keys are served again after {}", lasting(now.since(since))),
                );
            }
            (None, false) | (Some(_), true) => {}
        }
    }

    /// All notes in order of time.
    pub(crate) fn into_notes(mut self) -> Vec<TimelineNote> {
        self.end_registrations();
        self.notes.sort_by_key(|note| note.at);
        self.notes
    }

    fn on_replicated(&mut self, change: &ChangeKind, at: Timestamp) {
        match change {
            ChangeKind::RegisterPod { pod } => {
                if self.registered.is_empty() {
                    self.registered_at = at;
                }
                self.registered.push(pod.name.clone());
            }
            ChangeKind::RemovePod { name, .. } if self.exited.remove(name) => {}
            ChangeKind::RemovePod { name, .. } => self.record(at, NoteKind::Pod, format!("{name} is declared dead")),
            ChangeKind::Assign { diff, .. } => {
                let report = self.proposed.take();
                if let Some(report) = report.filter(|report| !moves(report).is_empty()) {
                    let text = format!("generation {}: {}", diff.generation, moves(&report));
                    self.record(at, NoteKind::Decision, text);
                    if let Some(note) = self.notes.last_mut() {
                        note.details = details(&report);
                    }
                }
            }
            ChangeKind::Poison { slice } => self.record(at, NoteKind::Decision, format!("keys {slice} are poisoned")),
            ChangeKind::Release { slice } => {
                self.record(at, NoteKind::Decision, format!("keys {slice} are no longer poisoned"));
            }
            ChangeKind::CreateTarget { .. }
            | ChangeKind::ConfigureTarget { .. }
            | ChangeKind::DrainPod { .. }
            | ChangeKind::Pin { .. }
            | ChangeKind::Unpin { .. }
            | ChangeKind::Freeze { .. } => {}
        }
    }

    fn on_exited(&mut self, pod: &PodName, is_forced: bool, at: Timestamp) {
        self.exited.insert(pod.clone());
        self.record(
            at,
            NoteKind::Pod,
            match is_forced {
                false => format!("{pod} has drained and exits"),
                true => format!("{pod} exits although its keys have no new owner"),
            },
        );
    }

    fn end_registrations(&mut self) {
        let registered = std::mem::take(&mut self.registered);
        if let Some(line) = match registered.as_slice() {
            [] => None,
            [one] => Some(format!("{one} registers")),
            several => Some(format!("{} register", counted(several.len(), "pod"))),
        } {
            self.push(self.registered_at, NoteKind::Pod, line);
        }
    }

    fn on_alerted(&mut self, alarm: Alarm, at: Timestamp) {
        let before = std::mem::replace(&mut self.alarm, alarm);
        if alarm.is_mass_failure != before.is_mass_failure {
            let text = match alarm.is_mass_failure {
                true => "alarm: many pods failed at once, silent ones are removed later than usual",
                false => "alarm over: the mass failure guard is inactive again",
            };
            self.push(at, NoteKind::Alarm, text.to_owned());
        }
        if alarm.held_back_count != before.held_back_count {
            let text = match alarm.held_back_count {
                0 => "alarm over: no pod is held back".to_owned(),
                count => format!("alarm: {} held back after repeated deaths", counted(count, "pod")),
            };
            self.push(at, NoteKind::Alarm, text);
        }
    }

    fn push(&mut self, at: Timestamp, kind: NoteKind, text: String) {
        self.notes.push(TimelineNote {
            at,
            kind,
            text,
            details: Vec::new(),
        });
    }
}

/// The timeline as the outcome of a scenario shows it, without alarms.
pub(crate) fn timeline_text(notes: &[TimelineNote]) -> String {
    let lines: Vec<_> = notes.iter().filter(|note| note.kind != NoteKind::Alarm).collect();
    let more = lines.len().saturating_sub(LINES_MAX);
    let shown = lines.iter().take(LINES_MAX);
    let mut text: String = shown
        .map(|note| format!("  {:>10}  {}\n", moment(note.at), note.text))
        .collect();
    if more > 0 {
        text.push_str(&format!("              and {} more\n", counted(more, "line")));
    }
    text
}

/// Moves in the details of a decision.
const DETAILED_MOVES_MAX: usize = 6;

/// The balance that a decision changes, and its moves of the most load.
fn details(report: &DecisionReport) -> Vec<String> {
    let over_mean = |load: Load, mean: Load| ratio(load.milli() * 1_000 / mean.milli().max(1));
    let (before, after) = (&report.before, &report.after);
    let mut lines = vec![format!(
        "hottest pod by the measured load: {} of the mean, {} after the moves",
        over_mean(before.max, before.mean),
        over_mean(after.max, after.mean)
    )];
    let mut moves: Vec<_> = report.moves.iter().collect();
    moves.sort_by_key(|moved| std::cmp::Reverse(moved.load));
    lines.extend(moves.iter().take(DETAILED_MOVES_MAX).map(|moved| {
        let from = moved
            .from
            .as_ref()
            .map_or_else(String::new, |pod| format!("from {pod} "));
        let share = percent_of(moved.load, report.total);
        format!("{share} of the load {from}to {}, {}", moved.to, why(moved.cause))
    }));
    let more = moves.len().saturating_sub(DETAILED_MOVES_MAX);
    lines.extend((more > 0).then(|| format!("and {} more", counted(more, "move"))));
    lines
}

/// The cause of a move as the timeline states it.
const fn why(cause: MoveCause) -> &'static str {
    match cause {
        MoveCause::Missing => "without owner",
        MoveCause::Replaced => "to successors",
        MoveCause::Draining => "off draining pods",
        MoveCause::Pinned => "to pinned pods",
        MoveCause::Memory => "for memory",
        MoveCause::Hot => "to share hot keys",
        MoveCause::Joined => "to new pods",
        MoveCause::Imbalance => "for balance",
        MoveCause::Merged => "for merges",
    }
}

/// The moves by cause, splits and merges of a decision.
fn moves(report: &DecisionReport) -> String {
    let count = |cause| report.moves.iter().filter(|moved| moved.cause == cause).count();
    let counts = MoveCause::ALL.map(|cause| (count(cause), why(cause)));
    let named = counts.iter().filter(|(count, _)| *count > 0);
    let why: Vec<String> = named.map(|(count, why)| format!("{count} {why}")).collect();
    let moved = (!why.is_empty()).then(|| format!("{} ({})", counted(report.moves.len(), "move"), why.join(", ")));
    let split = (report.split_count > 0).then(|| counted(report.split_count, "split"));
    let merged = (report.merge_count > 0).then(|| counted(report.merge_count, "merge"));
    moved
        .into_iter()
        .chain(split)
        .chain(merged)
        .collect::<Vec<_>>()
        .join(", ")
}
