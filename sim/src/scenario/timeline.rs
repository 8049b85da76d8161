//! The timeline: what a person who watched would have noted.

use std::collections::BTreeSet;

use emberkeep_core::assigner::{Applied, ChangeKind};
use emberkeep_core::balancer::{DecisionReport, MoveCause};
use emberkeep_core::load::Load;
use emberkeep_core::pod::PodName;
use emberkeep_core::time::Timestamp;

use super::figures::{counted, lasting, moment, percent_of};
use crate::cluster::{Cluster, Happening, News};

/// Lines, each with its time.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    lines: Vec<(Timestamp, String)>,
    /// Pods that registered one right after the other.
    registered: Vec<PodName>,
    registered_at: Timestamp,
    proposed: Option<DecisionReport>,
    /// Pods whose end is no surprise.
    exited: BTreeSet<PodName>,
    unanswered_since: Option<Timestamp>,
}

/// More lines than these nobody reads.
const LINES_MAX: usize = 80;

impl Timeline {
    /// Something was done to the cluster.
    pub(super) fn note(&mut self, at: Timestamp, what: String) {
        self.end_registrations();
        self.lines.push((at, what));
    }

    /// Something happened in it.
    pub(super) fn hear(&mut self, news: &News) {
        match &news.what {
            Happening::Replicated { change, outcome } if *outcome == Applied::Done => self.replicated(change, news.at),
            Happening::Decided(report) => self.proposed = Some(report.clone()),
            Happening::Exited { pod, is_forced } => self.exited(pod, *is_forced, news.at),
            Happening::Elected if news.at > Timestamp::ZERO => self.note(news.at, "another member leads".to_owned()),
            Happening::Elected
            | Happening::Replicated { .. }
            | Happening::Routed { .. }
            | Happening::Published { .. } => {}
        }
    }

    /// Requests go other ways, or the load is another one.
    pub(super) fn look(&mut self, cluster: &Cluster) {
        let (unanswered, now) = (cluster.outage().unanswered, cluster.now());
        match (self.unanswered_since, unanswered > Load::ZERO) {
            (None, true) => {
                self.unanswered_since = Some(now);
                let share = percent_of(unanswered, cluster.traffic().total());
                self.note(now, format!("{share} of the load reaches no pod"));
            }
            (Some(since), false) => {
                self.unanswered_since = None;
                self.note(
                    now,
                    format!("all keys are answered again after {}", lasting(now.since(since))),
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

    fn replicated(&mut self, change: &ChangeKind, at: Timestamp) {
        match change {
            ChangeKind::RegisterPod { pod } => {
                if self.registered.is_empty() {
                    self.registered_at = at;
                }
                self.registered.push(pod.name.clone());
            }
            ChangeKind::RemovePod { name, .. } if self.exited.remove(name) => {}
            ChangeKind::RemovePod { name, .. } => self.note(at, format!("{name} is taken for dead")),
            ChangeKind::Assign { diff } => {
                let report = self.proposed.take();
                let moves = report.map(|report| moves(&report)).unwrap_or_default();
                if !moves.is_empty() {
                    let generation = diff.generation;
                    self.note(at, format!("generation {generation}: {moves}"));
                }
            }
            ChangeKind::Poison { slice } => self.note(at, format!("keys {slice} are poisoned")),
            ChangeKind::Release { slice } => self.note(at, format!("keys {slice} are no longer poisoned")),
            ChangeKind::CreateTarget { .. }
            | ChangeKind::ConfigureTarget { .. }
            | ChangeKind::DrainPod { .. }
            | ChangeKind::Pin { .. }
            | ChangeKind::Unpin { .. }
            | ChangeKind::Freeze { .. } => {}
        }
    }

    fn exited(&mut self, pod: &PodName, is_forced: bool, at: Timestamp) {
        self.exited.insert(pod.clone());
        self.note(
            at,
            match is_forced {
                false => format!("{pod} has drained and exits"),
                true => format!("{pod} exits although its keys have nowhere to go"),
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

/// Why slices move, in the words of a timeline.
const fn why(cause: MoveCause) -> &'static str {
    match cause {
        MoveCause::Missing => "without owner",
        MoveCause::Replaced => "to successors",
        MoveCause::Draining => "off draining pods",
        MoveCause::Pinned => "to where they are pinned",
        MoveCause::Memory => "to where memory is",
        MoveCause::Hot => "to share hot keys",
        MoveCause::Joined => "to new pods",
        MoveCause::Imbalance => "for balance",
        MoveCause::Merged => "to be joined",
    }
}

/// How many slices moved, and why, and how many were cut and joined.
fn moves(report: &DecisionReport) -> String {
    let count = |cause| report.moves.iter().filter(|moved| moved.cause == cause).count();
    let counts = MoveCause::ALL.map(|cause| (count(cause), why(cause)));
    let named = counts.iter().filter(|(count, _)| *count > 0);
    let why: Vec<String> = named.map(|(count, why)| format!("{count} {why}")).collect();
    let moved = (!why.is_empty()).then(|| format!("{} ({})", counted(report.moves.len(), "move"), why.join(", ")));
    let cut = (report.split_count > 0).then(|| counted(report.split_count, "cut"));
    let joined = (report.merge_count > 0).then(|| format!("{} joined", counted(report.merge_count, "slice")));
    moved
        .into_iter()
        .chain(cut)
        .chain(joined)
        .collect::<Vec<_>>()
        .join(", ")
}
