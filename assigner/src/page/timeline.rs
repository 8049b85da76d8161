//! The timeline of a target: the last incidents, of this leader and of earlier ones, as this member has seen them.

use std::collections::VecDeque;
use std::time::Duration;

use emberkeep_proto::pb;
use serde::Serialize;
use tokio::time::Instant;

use super::churn::{ChurnLog, LoadChurn};

/// The most incidents of a timeline; older ones are dropped.
const INCIDENTS_MAX: usize = 60;
/// The kind of an incident that is a decision.
const DECISION: &str = "decision";
/// The most moves that an entry names: the incident has more.
const MOVES_MAX: usize = 6;

/// The last incidents, oldest first.
#[derive(Debug, Default)]
pub(super) struct IncidentTimeline {
    entries: VecDeque<TimelineEntry>,
    churn: ChurnLog,
    cursor: Cursor,
    /// The generation of the last known decision: the next leader knows it, too.
    generation: i64,
}

/// The last known incident: numbers begin again with each leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Cursor {
    leader: u64,
    term: u64,
    number: u64,
}

#[derive(Debug)]
struct TimelineEntry {
    at: Instant,
    leader: u64,
    term: u64,
    incident: pb::Incident,
    /// How many further steps, directly before it, it stands for.
    step_count: usize,
}

/// One incident for the page.
#[derive(Debug, Serialize)]
pub(super) struct IncidentView {
    /// Unique in the timeline.
    id: String,
    age_ms: u64,
    leader: u64,
    kind: String,
    text: String,
    moves: Vec<String>,
    is_failure: bool,
}

impl IncidentTimeline {
    /// The number after which to ask for incidents.
    pub(super) const fn after(&self) -> u64 {
        self.cursor.number
    }

    /// Adds newer incidents. False if another leader answered: the cursor is reset, and the caller has to ask again.
    pub(super) fn record(&mut self, reply: pb::ListIncidentsResponse, now: Instant) -> bool {
        let pb::ListIncidentsResponse {
            incidents,
            leader,
            term,
        } = reply;
        let is_same_leader = (leader, term) == (self.cursor.leader, self.cursor.term);
        if !is_same_leader && self.cursor.number > 0 {
            self.cursor = Cursor::default();
            return false;
        }
        self.cursor = Cursor {
            leader,
            term,
            number: incidents.last().map_or(self.cursor.number, |last| last.number),
        };
        for incident in incidents {
            if incident
                .generation
                .is_some_and(|generation| generation <= self.generation)
            {
                continue;
            }
            self.generation = incident.generation.unwrap_or(self.generation);
            let age = Duration::from_millis(incident.age_ms);
            self.push(TimelineEntry {
                at: now.checked_sub(age).unwrap_or(now),
                leader,
                term,
                incident,
                step_count: 0,
            });
        }
        true
    }

    fn push(&mut self, mut entry: TimelineEntry) {
        let moved = LoadChurn {
            forced: entry.incident.forced_millionths,
            voluntary: entry.incident.voluntary_millionths,
        };
        self.churn.push(entry.at, moved);
        if let Some(last) = self.entries.pop_back_if(|last| last.is_step() && entry.is_step()) {
            entry.step_count = last.step_count + 1;
        }
        self.entries.push_back(entry);
        while self.entries.len() > INCIDENTS_MAX {
            self.entries.pop_front();
        }
    }

    /// What the decisions moved in this period before `now`.
    pub(super) fn churn_within(&self, period: Duration, now: Instant) -> LoadChurn {
        self.churn.within(period, now)
    }

    /// The newest failure in this period before `now`, with its age.
    pub(super) fn failure_within(&self, period: Duration, now: Instant) -> Option<(&str, Duration)> {
        let failure = self
            .within(period, now)
            .filter(|entry| entry.incident.is_failure)
            .last()?;
        Some((&failure.incident.text, now.saturating_duration_since(failure.at)))
    }

    fn within(&self, period: Duration, now: Instant) -> impl Iterator<Item = &TimelineEntry> {
        let is_recent = move |entry: &&TimelineEntry| now.saturating_duration_since(entry.at) < period;
        self.entries.iter().filter(is_recent)
    }

    /// The entries for the page, newest first.
    pub(super) fn views(&self, now: Instant) -> Vec<IncidentView> {
        self.entries.iter().rev().map(|entry| entry.view(now)).collect()
    }
}

impl TimelineEntry {
    /// Whether it only continues earlier moves: new owners are ready, old ones are gone. A rolling restart has hundreds.
    fn is_step(&self) -> bool {
        self.incident.kind == DECISION && self.incident.moves.is_empty()
    }

    fn view(&self, now: Instant) -> IncidentView {
        let pb::Incident {
            number,
            kind,
            text,
            moves,
            is_failure,
            ..
        } = &self.incident;
        let more = moves.len().saturating_sub(MOVES_MAX);
        let more = (more > 0).then(|| "and more moves: see `emberkeep admin events`".to_owned());
        let age = now.saturating_duration_since(self.at).as_millis();
        IncidentView {
            id: format!("{}-{number}", self.term),
            age_ms: u64::try_from(age).unwrap_or(u64::MAX),
            leader: self.leader,
            kind: kind.clone(),
            text: match self.step_count {
                0 => text.clone(),
                count => format!("{text}; {count} steps like it before"),
            },
            moves: moves.iter().take(MOVES_MAX).cloned().chain(more).collect(),
            is_failure: *is_failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(term: u64, numbers: std::ops::RangeInclusive<u64>) -> pb::ListIncidentsResponse {
        let incidents = numbers.map(|number| pb::Incident {
            number,
            age_ms: 1_000,
            text: format!("incident {number}"),
            forced_millionths: 10,
            voluntary_millionths: 1,
            is_failure: number == 2,
            moves: vec!["a move".to_owned(); 9],
            ..pb::Incident::default()
        });
        pb::ListIncidentsResponse {
            incidents: incidents.collect(),
            leader: 1,
            term,
        }
    }

    #[test]
    fn incidents_of_an_earlier_leader_stay_and_those_of_the_next_one_follow() {
        let now = Instant::now();
        let mut timeline = IncidentTimeline::default();
        assert!(timeline.record(reply(1, 1..=3), now));
        assert_eq!(timeline.after(), 3);
        assert!(
            !timeline.record(reply(2, 4..=4), now),
            "another leader counts from 1 again"
        );
        assert_eq!(timeline.after(), 0);
        assert!(timeline.record(reply(2, 1..=4), now));
        let ids: Vec<_> = timeline.views(now).into_iter().map(|entry| entry.id).collect();
        assert_eq!(ids, ["2-4", "2-3", "2-2", "2-1", "1-3", "1-2", "1-1"]);
        assert_eq!(timeline.views(now)[0].moves.len(), 7);
    }

    #[test]
    fn a_decision_that_the_next_leader_reports_again_counts_once() {
        let now = Instant::now();
        let decided = |term, generations: &[i64]| {
            let mut reply = reply(term, 1..=generations.len() as u64);
            for (incident, generation) in reply.incidents.iter_mut().zip(generations) {
                incident.generation = Some(*generation);
            }
            reply
        };
        let mut timeline = IncidentTimeline::default();
        assert!(timeline.record(decided(1, &[1, 2]), now));
        assert!(!timeline.record(decided(2, &[]), now));
        assert!(timeline.record(decided(2, &[1, 2, 3]), now));
        let ids: Vec<_> = timeline.views(now).into_iter().map(|entry| entry.id).collect();
        assert_eq!(ids, ["2-3", "1-2", "1-1"]);
        assert_eq!(timeline.churn_within(Duration::from_secs(60), now).forced, 30);
    }

    #[test]
    fn steps_of_earlier_moves_are_one_entry() {
        let now = Instant::now();
        let incident = |number, moves: &[&str]| pb::Incident {
            number,
            kind: DECISION.to_owned(),
            text: format!("generation {number}"),
            moves: moves.iter().map(|&text| text.to_owned()).collect(),
            ..pb::Incident::default()
        };
        let incidents = vec![
            incident(1, &["a move"]),
            incident(2, &[]),
            incident(3, &[]),
            incident(4, &[]),
        ];
        let mut timeline = IncidentTimeline::default();
        timeline.record(
            pb::ListIncidentsResponse {
                incidents,
                leader: 1,
                term: 1,
            },
            now,
        );
        let texts: Vec<_> = timeline.views(now).into_iter().map(|entry| entry.text).collect();
        assert_eq!(texts, ["generation 4; 2 steps like it before", "generation 1"]);
    }

    #[test]
    fn a_timeline_is_bounded_and_counts_recent_churn_and_failures_only() {
        let now = Instant::now();
        let mut timeline = IncidentTimeline::default();
        timeline.record(reply(1, 1..=5), now);
        let expected = LoadChurn {
            forced: 50,
            voluntary: 5,
        };
        assert_eq!(timeline.churn_within(Duration::from_secs(2), now), expected);
        assert_eq!(
            timeline.churn_within(Duration::from_millis(500), now),
            LoadChurn::default()
        );
        let failure = timeline.failure_within(Duration::from_secs(60), now);
        assert_eq!(failure, Some(("incident 2", Duration::from_secs(1))));
        timeline.record(reply(1, 6..=500), now);
        assert_eq!(timeline.views(now).len(), INCIDENTS_MAX);
    }
}
