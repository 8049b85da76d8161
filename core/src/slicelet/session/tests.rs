//! The actions of a session, as stories.

use std::time::Duration;

use super::*;
use crate::assignment::{AssignmentDiff, Phase, PodIndex, Proposal, ReplicaSet};
use crate::brain::Stepper;
use crate::keyspace::SliceMap;
use crate::pod::Incarnation;
use crate::pod::fixtures::pod_named;
use crate::rate::Rate;
use crate::target::MisrouteMode;

/// The assignment after `previous` in which that pod serves all keys.
fn served_by(name: &str, previous: &Assignment) -> Arc<Assignment> {
    let mut replicas = ReplicaSet::none();
    replicas.set(PodIndex(0), Phase::Serving);
    let proposal = Proposal {
        pods: vec![pod_named(name)],
        slices: SliceMap::full(replicas),
    };
    Arc::new(proposal.after(previous).unwrap())
}

/// A session whose actions are written as text. Only `Publish` is performed.
struct SessionStory {
    stepper: Stepper<Session>,
    now: Timestamp,
}

impl SessionStory {
    fn start() -> Self {
        let reconnect = Reconnect::new(vec!["http://a".into(), "http://b".into()], 1);
        let now = Timestamp::from_millis(1_000);
        let mut story = Self {
            stepper: Stepper::new(Session::new(&pod_named("me"), reconnect, now)),
            now,
        };
        assert_eq!(
            story.step(SessionEvent::Woke),
            "connect 1 to http://a knowing 0, collect counts"
        );
        story
    }

    fn connected() -> Self {
        let mut story = Self::start();
        assert_eq!(story.step(story.accepted(1)), "heartbeat Ready at 0");
        story
    }

    /// Owns everything at generation 1.
    fn owning() -> Self {
        let mut story = Self::connected();
        assert_eq!(
            story.full(&served_by("me", &Assignment::unassigned())),
            "publish 1, heartbeat Ready at 1"
        );
        story
    }

    /// Counts that are taken at the current time of the story.
    fn counted(&self, units: &[u64]) -> SessionEvent {
        SessionEvent::Counted {
            counts: counts(units, self.now),
            sketches: Vec::new(),
            memory: None,
        }
    }

    fn accepted(&self, connection: u64) -> SessionEvent {
        SessionEvent::Connected {
            connection,
            settings: SessionSettings::UNTIL_REGISTERED,
        }
    }

    fn step(&mut self, event: SessionEvent) -> String {
        let (mut written, mut next) = (Vec::new(), Some(event));
        while let Some(event) = next {
            for action in self.stepper.step(event, self.now) {
                written.extend(text(&action));
                self.stepper.on_performed(outcome(&action, self.now));
            }
            next = self.stepper.next_outcome();
        }
        assert!(self.stepper.wake_at() > self.now, "a driver would spin");
        written.join(", ")
    }

    /// Advances to each wake-up until one has actions other than metering, and returns their text.
    fn wait(&mut self) -> String {
        loop {
            self.now = self.stepper.wake_at();
            let written = self.step(SessionEvent::Woke);
            let others: Vec<_> = written
                .split(", ")
                .filter(|text| !text.starts_with("collect"))
                .collect();
            if !written.is_empty() && !others.is_empty() {
                return others.join(", ");
            }
        }
    }

    /// Advances by that time; returns the text of each wake-up in it.
    fn pass(&mut self, millis: u64) -> Vec<String> {
        let until = self.now + Duration::from_millis(millis);
        let mut written = Vec::new();
        while self.stepper.wake_at() <= until {
            self.now = self.stepper.wake_at();
            written.push(self.step(SessionEvent::Woke));
        }
        self.now = until;
        written
    }

    fn full(&mut self, assignment: &Arc<Assignment>) -> String {
        let connection = self.stepper.brain().connection.number;
        let update = Update::Full(Arc::clone(assignment));
        self.step(SessionEvent::UpdateReceived { connection, update })
    }

    fn diff(&mut self, diff: AssignmentDiff) -> String {
        let connection = self.stepper.brain().connection.number;
        let update = Update::Diff(diff);
        self.step(SessionEvent::UpdateReceived { connection, update })
    }

    fn held(&self) -> Arc<Assignment> {
        Arc::clone(self.stepper.brain().ownership.assignment())
    }
}

/// The text of an action, if stories depend on it.
fn text(action: &SessionAction) -> Option<String> {
    let text = match action {
        SessionAction::Connect {
            connection,
            assigner,
            known,
        } => format!("connect {connection} to {assigner} knowing {known}"),
        SessionAction::SendHeartbeat {
            phase,
            applied,
            warming,
        } => match warming.first() {
            None => format!("heartbeat {phase:?} at {applied}"),
            Some((_, warmth)) => {
                let share = warmth.heat_share_thousandths;
                format!("heartbeat {phase:?} at {applied}, {share} warm")
            }
        },
        SessionAction::Pull { source, .. } => format!("pull from {}", source.name),
        SessionAction::StopPull { .. } => "stop to pull".to_owned(),
        SessionAction::CollectCounts { halves_sketches: false } => "collect counts".to_owned(),
        SessionAction::CollectCounts { halves_sketches: true } => "collect counts and halve".to_owned(),
        SessionAction::SendLoadReport(report) => format!("report {}", report.total()),
        SessionAction::LimitStoreRate(Some(rate)) => format!("limit the store to {} a second", rate.milli() / 1_000),
        SessionAction::LimitStoreRate(None) => "do not limit the store".to_owned(),
        SessionAction::HandleMisroutes(mode) => format!("{mode:?} misroutes").to_lowercase(),
        SessionAction::Publish { ownership, .. } => format!("publish {}", ownership.generation()),
        SessionAction::Drained { is_forced: true } => "drained by force".to_owned(),
        SessionAction::Drained { is_forced: false } => "drained".to_owned(),
        SessionAction::StopPeerWatches | SessionAction::CoolValues | SessionAction::ShowLoad { .. } => return None,
    };
    Some(text)
}

fn counts(units: &[u64], taken_at: Timestamp) -> RangeCounts {
    let units = units.to_vec();
    RangeCounts { units, taken_at }
}

fn outcome(action: &SessionAction, now: Timestamp) -> Option<SessionEvent> {
    let counts = counts(&[], now);
    matches!(action, SessionAction::Publish { .. }).then_some(SessionEvent::Published { counts })
}

#[test]
fn heartbeats_and_load_go_out_at_their_intervals() {
    let mut story = SessionStory::owning();
    let written = story.pass(2_000);
    assert_eq!(written.join(", ").matches("heartbeat Ready at 1").count(), 4);
    assert_eq!(written.join(", ").matches("collect counts").count(), 2);
    assert_eq!(story.step(story.counted(&[1_400])), "report 700.000");
}

#[test]
fn a_lost_session_reconnects_to_the_next_assigner_with_the_generation_held() {
    let mut story = SessionStory::owning();
    assert_eq!(story.step(SessionEvent::ConnectionLost { connection: 1 }), "");
    assert_eq!(story.step(story.counted(&[700])), "", "no assigner is connected");
    assert_eq!(story.wait(), "connect 2 to http://b knowing 1");
    assert_eq!(story.step(story.accepted(2)), "heartbeat Ready at 1");
}

#[test]
fn a_leader_hint_is_followed_at_once() {
    let mut story = SessionStory::start();
    let hint = SessionEvent::LeaderHinted {
        connection: 1,
        leader: "http://leader".into(),
    };
    assert_eq!(story.step(hint), "connect 2 to http://leader knowing 0");
}

#[test]
fn events_of_a_replaced_connection_are_ignored() {
    let mut story = SessionStory::owning();
    assert_eq!(story.step(SessionEvent::ConnectionLost { connection: 1 }), "");
    let stale = served_by("other", &story.held());
    assert_eq!(story.full(&stale), "");
    assert_eq!(story.wait(), "connect 2 to http://b knowing 1");
    assert_eq!(story.step(SessionEvent::ConnectionLost { connection: 1 }), "");
    assert_eq!(story.step(story.accepted(1)), "");
}

#[test]
fn a_diff_is_applied_to_what_is_held() {
    let mut story = SessionStory::owning();
    let diff = served_by("other", &story.held()).diff_since(Generation::NONE.next());
    assert_eq!(story.diff(diff.clone()), "publish 2, heartbeat Ready at 2");
    assert_eq!(story.diff(diff), "", "the same diff twice");
}

#[test]
fn a_diff_on_another_base_asks_for_the_whole_assignment() {
    let mut story = SessionStory::owning();
    let second = served_by("other", &story.held());
    let third = served_by("me", &second);
    assert_eq!(story.diff(third.diff_since(second.generation())), "");
    assert_eq!(story.held().generation(), Generation::NONE.next());
    assert_eq!(story.wait(), "connect 2 to http://b knowing 0");
    assert_eq!(story.step(story.accepted(2)), "heartbeat Ready at 1");
    assert_eq!(story.full(&third), "publish 3, heartbeat Ready at 3");
}

#[test]
fn generations_never_go_back() {
    let mut story = SessionStory::owning();
    let first = story.held();
    assert_eq!(
        story.full(&served_by("other", &first)),
        "publish 2, heartbeat Ready at 2"
    );
    assert_eq!(story.full(&first), "");
    assert_eq!(story.held().generation().number(), 2);
}

#[test]
fn a_drain_is_announced_at_once_and_lasts_until_the_slices_have_moved() {
    let mut story = SessionStory::owning();
    assert_eq!(story.step(SessionEvent::DrainRequested), "heartbeat Draining at 1");
    assert!(!story.pass(20_000).join(", ").contains("drained"));
    let moved = served_by("other", &story.held());
    assert_eq!(story.full(&moved), "publish 2, heartbeat Draining at 2, drained");
    assert_eq!(
        story.step(SessionEvent::DrainRequested),
        "",
        "a second request changes nothing"
    );
}

#[test]
fn a_draining_pod_without_slices_waits_for_an_assignment_under_way() {
    let mut story = SessionStory::connected();
    assert_eq!(story.step(SessionEvent::DrainRequested), "heartbeat Draining at 0");
    assert_eq!(story.wait(), "heartbeat Draining at 0");
    assert_eq!(story.wait(), "heartbeat Draining at 0, drained");
}

#[test]
fn the_assigner_may_end_a_drain() {
    let mut story = SessionStory::owning();
    assert_eq!(story.step(SessionEvent::MayExitReceived { connection: 1 }), "drained");
    assert_eq!(story.wait(), "heartbeat Draining at 1");
}

#[test]
fn a_store_grant_holds_until_the_next_one_with_or_without_an_assigner() {
    let mut story = SessionStory::owning();
    let grant = |connection, rate: Option<u32>| SessionEvent::StoreGranted {
        connection,
        rate: rate.map(Rate::per_second),
    };
    assert_eq!(story.step(grant(1, Some(70))), "limit the store to 70 a second");
    assert_eq!(story.step(SessionEvent::ConnectionLost { connection: 1 }), "");
    assert_eq!(story.step(grant(1, Some(9))), "", "that connection was given up");
    assert_eq!(story.wait(), "connect 2 to http://b knowing 1");
    assert_eq!(story.step(story.accepted(2)), "heartbeat Ready at 1");
    assert_eq!(story.step(grant(2, None)), "do not limit the store");
}

#[test]
fn the_misroute_mode_holds_until_an_assigner_changes_it() {
    let mut story = SessionStory::start();
    let accepted = |connection, misroute| SessionEvent::Connected {
        connection,
        settings: SessionSettings {
            misroute,
            ..SessionSettings::UNTIL_REGISTERED
        },
    };
    assert_eq!(
        story.step(accepted(1, MisrouteMode::Forward)),
        "forward misroutes, heartbeat Ready at 0"
    );
    assert_eq!(story.step(SessionEvent::ConnectionLost { connection: 1 }), "");
    assert_eq!(story.wait(), "connect 2 to http://b knowing 0");
    assert_eq!(
        story.step(accepted(2, MisrouteMode::Redirect)),
        "redirect misroutes, heartbeat Ready at 0"
    );
}

#[test]
fn a_pod_with_nowhere_to_move_its_slices_stops_after_the_drain_timeout() {
    let mut story = SessionStory::owning();
    assert_eq!(story.step(SessionEvent::DrainRequested), "heartbeat Draining at 1");
    assert!(!story.pass(59_999).join(", ").contains("drained"));
    assert!(story.pass(1).join(", ").contains("drained by force"));
}

#[test]
fn a_pod_that_starts_without_assigner_follows_the_assignment_of_its_peers() {
    let mut story = SessionStory::start();
    let peer = |assignment: &Arc<Assignment>| SessionEvent::PeerAssignmentReceived {
        assignment: Arc::clone(assignment),
        key_mode: KeyMode::Hashed,
    };
    let held = served_by("other", &Assignment::unassigned());
    assert_eq!(story.step(peer(&held)), "publish 1");
    assert!(story.stepper.brain().ownership.is_empty());
    assert_eq!(story.step(peer(&held)), "", "the same generation");
    assert_eq!(story.step(story.accepted(1)), "heartbeat Ready at 1");
    let later = served_by("me", &held);
    assert_eq!(story.step(peer(&later)), "", "an assigner is connected");
}

#[test]
fn a_pod_that_starts_without_assigner_takes_over_from_its_earlier_incarnation_at_its_address() {
    let earlier = |address: &str| {
        let mut replicas = ReplicaSet::none();
        replicas.set(PodIndex(0), Phase::Serving);
        let earlier = Pod {
            incarnation: Incarnation(0),
            address: PodAddress::try_new(address).unwrap(),
            ..pod_named("me")
        };
        let proposal = Proposal {
            pods: vec![earlier],
            slices: SliceMap::full(replicas),
        };
        SessionEvent::PeerAssignmentReceived {
            assignment: Arc::new(proposal.after(&Assignment::unassigned()).unwrap()),
            key_mode: KeyMode::Hashed,
        }
    };
    let mut story = SessionStory::start();
    assert_eq!(story.step(earlier("127.0.0.1:80")), "publish 1");
    assert!(!story.stepper.brain().ownership.is_empty());
    let mut elsewhere = SessionStory::start();
    assert_eq!(elsewhere.step(earlier("127.0.0.1:81")), "publish 1");
    assert!(
        elsewhere.stepper.brain().ownership.is_empty(),
        "that process may still serve at its address"
    );
}

#[test]
fn without_any_assigner_the_pod_keeps_reconnecting_and_can_drain() {
    let mut story = SessionStory::start();
    for attempt in 1..50 {
        assert_eq!(story.step(SessionEvent::ConnectionLost { connection: attempt }), "");
        assert!(story.wait().starts_with(&format!("connect {} to ", attempt + 1)));
    }
    assert_eq!(story.step(SessionEvent::DrainRequested), "");
    assert_eq!(story.wait(), "drained");
}
