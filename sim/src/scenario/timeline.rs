//! The timeline: the events of a run that an operator would note.

use std::collections::BTreeSet;

use emberkeep_core::assigner::{Applied, ChangeKind};
use emberkeep_core::balancer::{DecisionReport, MoveCause};
use emberkeep_core::load::Load;
use emberkeep_core::pod::PodName;
use emberkeep_core::time::Timestamp;

use super::figures::{counted, lasting, moment, percent_of};
use crate::cluster::{ClusterEvent, SimCluster, TimedEvent};

/// The lines so far, each with its time.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    lines: Vec<(Timestamp, String)>,
    /// Pods that registered in a row, shown as one line.
    registered: Vec<PodName>,
    registered_at: Timestamp,
    proposed: Option<DecisionReport>,
    /// Pods that exited after draining; their removal is not reported again.
    exited: BTreeSet<PodName>,
    unanswered_since: Option<Timestamp>,
}

/// Further lines are only counted, to keep the outcome readable.
const LINES_MAX: usize = 80;

impl Timeline {
    /// Adds an operation on the cluster.
    pub(super) fn record(&mut self, at: Timestamp, what: String) {
        self.end_registrations();
        self.lines.push((at, what));
    }

    /// Adds an event of the cluster.
    pub(super) fn on_event(&mut self, event: &TimedEvent) {
        match &event.what {
            ClusterEvent::Replicated { change, outcome } if *outcome == Applied::Done => {
                self.on_replicated(change, event.at)
            }
            ClusterEvent::Decided(report) => self.proposed = Some(report.clone()),
            ClusterEvent::Exited { pod, is_forced } => self.on_exited(pod, *is_forced, event.at),
            ClusterEvent::Elected if event.at > Timestamp::ZERO => {
                self.record(event.at, "a new leader is elected".to_owned())
            }
            ClusterEvent::Elected
            | ClusterEvent::Replicated { .. }
            | ClusterEvent::Routed { .. }
            | ClusterEvent::Published { .. } => {}
        }
    }

    /// Adds the beginning or the end of an outage after a change of routing or load.
    pub(super) fn on_cluster_changed(&mut self, cluster: &SimCluster) {
        let (unanswered, now) = (cluster.outage().unanswered, cluster.now());
        match (self.unanswered_since, unanswered > Load::ZERO) {
            // ## Served -> Outage: some load reaches no pod
            (None, true) => {
                self.unanswered_since = Some(now);
                let share = percent_of(unanswered, cluster.traffic().total());
                self.record(now, format!("{share} of the load reaches no pod"));
            }
            // ## Outage -> Served: all load reaches a pod again
            (Some(since), false) => {
                self.unanswered_since = None;
                self.record(
                    now,
                    format!("all keys are served again after {}", lasting(now.since(since))),
                );
            }
            (None, false) | (Some(_), true) => {}
        }
    }

    pub(super) fn text(mut self) -> String {
        self.end_registrations();
        self.lines.sort_by_key(|(at, _)| *at);
        let more = self.lines.len().saturating_sub(LINES_MAX);
        let shown = self.lines.iter().take(LINES_MAX);
        let mut text: String = shown
            .map(|(at, line)| format!("  {:>10}  {line}\n", moment(*at)))
            .collect();
        if more > 0 {
            text.push_str(&format!("              and {} more\n", counted(more, "line")));
        }
        text
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
            ChangeKind::RemovePod { name, .. } => self.record(at, format!("{name} is declared dead")),
            ChangeKind::Assign { diff } => {
                let report = self.proposed.take();
                let moves = report.map(|report| moves(&report)).unwrap_or_default();
                if !moves.is_empty() {
                    let generation = diff.generation;
                    self.record(at, format!("generation {generation}: {moves}"));
                }
            }
            ChangeKind::Poison { slice } => self.record(at, format!("keys {slice} are poisoned")),
            ChangeKind::Release { slice } => self.record(at, format!("keys {slice} are no longer poisoned")),
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
            self.lines.push((self.registered_at, line));
        }
    }
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
