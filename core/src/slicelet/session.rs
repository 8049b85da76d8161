//! The brain of a pod's session with the assigner.

use std::sync::Arc;
use std::time::Duration;

use super::pulls::{Deed, Pulls};
use super::{Identity, Ownership, Reconnect};
use crate::assignment::{Assignment, Generation, Update};
use crate::brain::{Brain, Output};
use crate::keyspace::Slice;
use crate::load::LoadReport;
use crate::pod::{Pod, PodAddress, PodPhase};
use crate::rate::Rate;
use crate::session_settings::SessionSettings;
use crate::target::{KeyMode, MisrouteMode};
use crate::time::Timestamp;
use crate::warmth::Warmth;

/// What happened. Connections are numbered, so that news of one that was given up is not mistaken for its successor's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// The assigner took the registration.
    Connected {
        /// By the number of its [`SessionAction::Connect`].
        connection: u64,
        /// What to go by.
        settings: SessionSettings,
    },
    /// The session could not be opened, or has ended.
    ConnectionLost {
        /// By the number of its [`SessionAction::Connect`].
        connection: u64,
    },
    /// The session ended because another member leads.
    LeaderHinted {
        /// By the number of its [`SessionAction::Connect`].
        connection: u64,
        /// The leader's URL.
        leader: Arc<str>,
    },
    /// The assigner sent an assignment, or what changed in it.
    UpdateReceived {
        /// By the number of its [`SessionAction::Connect`].
        connection: u64,
        /// What it sent.
        update: Update,
    },
    /// The assigner says that the pod owns nothing any more.
    MayExitReceived {
        /// By the number of its [`SessionAction::Connect`].
        connection: u64,
    },
    /// The assigner wants the pod to get slices ready: these and no others.
    WarmingOrdered {
        /// By the number of its [`SessionAction::Connect`].
        connection: u64,
        /// Which.
        slices: Vec<Slice>,
    },
    /// More of a slice has come, or no more will: news of an [`SessionAction::Pull`].
    Warmed {
        /// Which slice.
        slice: Slice,
        /// How warm it is.
        warmth: Warmth,
    },
    /// The assigner dealt out what the pods of the target may ask of their object store.
    StoreGranted {
        /// By the number of its [`SessionAction::Connect`].
        connection: u64,
        /// How many requests this pod may make; `None` is any number.
        rate: Option<Rate>,
    },
    /// Another pod, which holds an assignment, told it.
    PeerTold {
        /// What it holds.
        assignment: Arc<Assignment>,
        /// How application keys become slice keys.
        key_mode: KeyMode,
    },
    /// The answer to [`SessionAction::MeasureLoad`].
    LoadMeasured {
        /// What was measured.
        report: LoadReport,
    },
    /// The pod wants to stop.
    DrainRequested,
    /// The time to wake at has come.
    Woke,
}

/// What is to be done.
#[derive(Debug, Clone)]
pub enum SessionAction {
    /// Give up the session there is and open one.
    Connect {
        /// The number that its events carry.
        connection: u64,
        /// The URL of the assigner.
        assigner: Arc<str>,
        /// The generation that the registration names.
        known: Generation,
    },
    /// Tell the assigner that the pod is alive.
    SendHeartbeat {
        /// What the pod is up to.
        phase: PodPhase,
        /// The generation it goes by.
        applied: Generation,
        /// How warm the slices are that the assigner waits for.
        warming: Vec<(Slice, Warmth)>,
    },
    /// Get a slice ready, and say how far it is by [`SessionEvent::Warmed`].
    Pull {
        /// Which.
        slice: Slice,
        /// The pod that has it warm.
        source: Arc<Pod>,
    },
    /// Get a slice ready no longer.
    StopPull {
        /// Which.
        slice: Slice,
    },
    /// Listen to other pods no longer: the assigner tells more.
    LeavePeers,
    /// Measure the load of the time since the last measurement.
    MeasureLoad,
    /// Tell the assigner the load.
    SendLoadReport(LoadReport),
    /// Make no more requests of the object store than that, until told otherwise; `None` is any number.
    LimitStoreRate(Option<Rate>),
    /// Do this with requests for keys that other pods own, until told otherwise.
    HandleMisroutes(MisrouteMode),
    /// Answer requests by this ownership from now on.
    Publish {
        /// What the pod owns.
        ownership: Arc<Ownership>,
        /// How application keys become slice keys.
        key_mode: KeyMode,
    },
    /// The pod may stop: others serve what it owned, or it has waited long enough.
    Drained {
        /// Whether it still owns slices because there is nowhere to move them.
        is_forced: bool,
    },
}

/// How long a pod without slices waits after it said that it drains: a change that was under way may still bring some.
const DRAIN_NOTICE: Duration = Duration::from_secs(1);

/// Keeps one session with the leading assigner: registers, says that it is alive, reports load, follows assignments,
/// and drains. Without an assigner the pod goes on serving what it owns.
#[derive(Debug)]
pub struct Session {
    identity: Identity,
    address: PodAddress,
    settings: SessionSettings,
    reconnect: Reconnect,
    ownership: Arc<Ownership>,
    pulls: Pulls,
    link: Link,
    /// The number of the newest connection.
    connection: u64,
    /// Whether the whole assignment is needed, whatever is held.
    needs_full: bool,
    measure_at: Timestamp,
    drain: Drain,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Waiting { connect_at: Timestamp },
    Connecting,
    Up { heartbeat_at: Timestamp },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drain {
    NotRequested,
    Requested { at: Timestamp, moved_at: Timestamp },
    Done,
}

impl Session {
    /// A session of that pod; it connects when it is first woken.
    #[must_use]
    pub fn new(pod: &Pod, reconnect: Reconnect) -> Self {
        Self {
            identity: Identity {
                name: pod.name.clone(),
                incarnation: pod.incarnation,
            },
            address: pod.address.clone(),
            settings: SessionSettings::default(),
            reconnect,
            ownership: Arc::new(Ownership::none()),
            pulls: Pulls::default(),
            link: Link::Waiting {
                connect_at: Timestamp::ZERO,
            },
            connection: 0,
            needs_full: false,
            measure_at: Timestamp::ZERO,
            drain: Drain::NotRequested,
        }
    }

    fn take_in(&mut self, event: SessionEvent, now: Timestamp) -> Vec<SessionAction> {
        match event {
            SessionEvent::Connected { connection, settings } if self.is_current(connection) => {
                self.connected(settings, now)
            }
            SessionEvent::ConnectionLost { connection } if self.is_current(connection) => self.lost(None, now),
            SessionEvent::LeaderHinted { connection, leader } if self.is_current(connection) => {
                self.lost(Some(leader), now)
            }
            SessionEvent::UpdateReceived { connection, update } if self.is_current(connection) => {
                self.update(update, now)
            }
            SessionEvent::MayExitReceived { connection } if self.is_current(connection) => self.drained(false),
            SessionEvent::WarmingOrdered { connection, slices } if self.is_current(connection) => {
                self.pulls.ordered(slices);
                self.pull(now)
            }
            SessionEvent::Warmed { slice, warmth } => {
                if self.pulls.warmed(&slice, warmth, self.settings.warm_share_thousandths) {
                    self.heartbeat_soon(now);
                }
                Vec::new()
            }
            SessionEvent::StoreGranted { connection, rate } if self.is_current(connection) => {
                vec![SessionAction::LimitStoreRate(rate)]
            }
            SessionEvent::PeerTold { assignment, key_mode } => self.peer_told(assignment, key_mode, now),
            SessionEvent::LoadMeasured { report } => self.load_measured(report),
            SessionEvent::DrainRequested => self.drain_requested(now),
            SessionEvent::Woke
            | SessionEvent::Connected { .. }
            | SessionEvent::ConnectionLost { .. }
            | SessionEvent::LeaderHinted { .. }
            | SessionEvent::UpdateReceived { .. }
            | SessionEvent::MayExitReceived { .. }
            | SessionEvent::WarmingOrdered { .. }
            | SessionEvent::StoreGranted { .. } => Vec::new(),
        }
    }

    /// Whether news of that connection counts. One that waits to connect again has given the last one up.
    const fn is_current(&self, connection: u64) -> bool {
        connection == self.connection && !matches!(self.link, Link::Waiting { .. })
    }

    fn connected(&mut self, settings: SessionSettings, now: Timestamp) -> Vec<SessionAction> {
        let before = std::mem::replace(&mut self.settings, settings);
        self.reconnect.succeeded();
        self.link = Link::Up { heartbeat_at: now };
        let misroute = Some(self.settings.misroute).filter(|mode| *mode != before.misroute);
        let handle = misroute.map(SessionAction::HandleMisroutes);
        std::iter::once(SessionAction::LeavePeers).chain(handle).collect()
    }

    fn lost(&mut self, leader: Option<Arc<str>>, now: Timestamp) -> Vec<SessionAction> {
        let connect_at = now + self.reconnect.failed(leader);
        self.link = Link::Waiting { connect_at };
        Vec::new()
    }

    fn update(&mut self, update: Update, now: Timestamp) -> Vec<SessionAction> {
        let held = self.ownership.assignment();
        let next = match update {
            Update::Full(assignment) => Ok(assignment),
            Update::Diff(diff) if diff.generation <= held.generation() => return Vec::new(),
            Update::Diff(diff) => held.apply(&diff).map(Arc::new),
        };
        match next {
            Ok(assignment) => {
                self.needs_full = false;
                if assignment.generation() <= self.ownership.generation() {
                    return Vec::new();
                }
                self.go_by(assignment, &self.identity.clone(), now)
            }
            Err(_) => {
                self.needs_full = true;
                self.lost(None, now)
            }
        }
    }

    /// While no assigner answers, a pod that starts goes by what others hold. What an earlier life of it serves at its
    /// very address nobody else serves: that life has ended, or this one could not listen there. So it takes its place.
    fn peer_told(&mut self, assignment: Arc<Assignment>, key_mode: KeyMode, now: Timestamp) -> Vec<SessionAction> {
        let is_newer = assignment.generation() > self.ownership.generation();
        if !is_newer || matches!(self.link, Link::Up { .. }) {
            return Vec::new();
        }
        let earlier = assignment
            .index_of(&self.identity.name)
            .map(|index| assignment.pod(index));
        let earlier = earlier.filter(|earlier| earlier.address == self.address);
        let identity = Identity {
            name: self.identity.name.clone(),
            incarnation: earlier.map_or(self.identity.incarnation, |earlier| earlier.incarnation),
        };
        self.settings.key_mode = key_mode;
        self.go_by(assignment, &identity, now)
    }

    /// Owns from now on what the assignment gives that life of the pod.
    fn go_by(&mut self, assignment: Arc<Assignment>, identity: &Identity, now: Timestamp) -> Vec<SessionAction> {
        let next = self.ownership.followed_by(assignment, identity);
        self.drain_goes_on(&next, now);
        self.ownership = Arc::new(next);
        self.heartbeat_soon(now);
        let publish = SessionAction::Publish {
            ownership: Arc::clone(&self.ownership),
            key_mode: self.settings.key_mode,
        };
        std::iter::once(publish).chain(self.pull(now)).collect()
    }

    /// Begins to get slices ready, and gives up what is the pod's no longer.
    fn pull(&mut self, now: Timestamp) -> Vec<SessionAction> {
        let deeds = self.pulls.follow(&self.ownership);
        if !self.pulls.report(&self.ownership).is_empty() {
            self.heartbeat_soon(now);
        }
        let action = |deed| match deed {
            Deed::Start { slice, source } => SessionAction::Pull { slice, source },
            Deed::Stop { slice } => SessionAction::StopPull { slice },
        };
        deeds.into_iter().map(action).collect()
    }

    /// As long as slices move, a drain is not stuck.
    fn drain_goes_on(&mut self, next: &Ownership, now: Timestamp) {
        let served_count = |ownership: &Ownership| {
            let owned = ownership.owned();
            owned.filter(|(_, share)| share.phase.is_routed_to()).count()
        };
        if let Drain::Requested { moved_at, .. } = &mut self.drain
            && served_count(next) < served_count(&self.ownership)
        {
            *moved_at = now;
        }
    }

    fn load_measured(&self, report: LoadReport) -> Vec<SessionAction> {
        match self.link {
            Link::Up { .. } => vec![SessionAction::SendLoadReport(report)],
            Link::Waiting { .. } | Link::Connecting => Vec::new(),
        }
    }

    fn drain_requested(&mut self, now: Timestamp) -> Vec<SessionAction> {
        if self.drain == Drain::NotRequested {
            self.drain = Drain::Requested { at: now, moved_at: now };
            self.heartbeat_soon(now);
        }
        Vec::new()
    }

    /// There is news that the assigner should not learn an interval late.
    const fn heartbeat_soon(&mut self, now: Timestamp) {
        if let Link::Up { heartbeat_at } = &mut self.link {
            *heartbeat_at = now;
        }
    }

    fn drained(&mut self, is_forced: bool) -> Vec<SessionAction> {
        match std::mem::replace(&mut self.drain, Drain::Done) {
            Drain::NotRequested | Drain::Requested { .. } => vec![SessionAction::Drained { is_forced }],
            Drain::Done => Vec::new(),
        }
    }

    /// Whatever is due by now.
    fn due(&mut self, now: Timestamp) -> Vec<SessionAction> {
        let mut actions = self.connect_if_due(now);
        actions.extend(self.heartbeat_if_due(now));
        if now >= self.measure_at {
            self.measure_at = now + self.settings.load_report_interval;
            actions.push(SessionAction::MeasureLoad);
        }
        if now >= self.drained_at() {
            actions.extend(self.drained(!self.ownership.is_empty()));
        }
        actions
    }

    fn connect_if_due(&mut self, now: Timestamp) -> Vec<SessionAction> {
        let Link::Waiting { connect_at } = self.link else {
            return Vec::new();
        };
        if now < connect_at {
            return Vec::new();
        }
        let Some(assigner) = self.reconnect.next_assigner() else {
            self.link = Link::Waiting {
                connect_at: Timestamp::NEVER,
            };
            return Vec::new();
        };
        self.connection += 1;
        self.link = Link::Connecting;
        let held = self.ownership.generation();
        vec![SessionAction::Connect {
            connection: self.connection,
            assigner,
            known: if self.needs_full { Generation::NONE } else { held },
        }]
    }

    fn heartbeat_if_due(&mut self, now: Timestamp) -> Option<SessionAction> {
        let phase = match self.drain {
            Drain::NotRequested => PodPhase::Ready,
            Drain::Requested { .. } | Drain::Done => PodPhase::Draining,
        };
        match &mut self.link {
            Link::Up { heartbeat_at } if now >= *heartbeat_at => {
                *heartbeat_at = now + self.settings.heartbeat_interval;
                let applied = self.ownership.generation();
                let warming = self.pulls.report(&self.ownership);
                Some(SessionAction::SendHeartbeat {
                    phase,
                    applied,
                    warming,
                })
            }
            Link::Up { .. } | Link::Waiting { .. } | Link::Connecting => None,
        }
    }

    /// When the drain is over if nothing changes.
    fn drained_at(&self) -> Timestamp {
        match self.drain {
            Drain::Requested { at, .. } if self.ownership.is_empty() => {
                at + DRAIN_NOTICE.min(self.settings.drain_timeout)
            }
            Drain::Requested { moved_at, .. } => moved_at + self.settings.drain_timeout,
            Drain::NotRequested | Drain::Done => Timestamp::NEVER,
        }
    }

    fn wake_at(&self) -> Timestamp {
        let link = match self.link {
            Link::Waiting { connect_at } => connect_at,
            Link::Connecting => Timestamp::NEVER,
            Link::Up { heartbeat_at } => heartbeat_at,
        };
        link.min(self.measure_at).min(self.drained_at())
    }
}

impl Brain for Session {
    type Event = SessionEvent;
    type Action = SessionAction;

    fn step(&mut self, event: SessionEvent, now: Timestamp) -> Output<SessionAction> {
        let mut actions = self.take_in(event, now);
        actions.extend(self.due(now));
        Output {
            actions,
            wake_at: self.wake_at(),
        }
    }

    fn woke() -> SessionEvent {
        SessionEvent::Woke
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assignment::{AssignmentDiff, Phase, PodIndex, Proposal, ReplicaSet};
    use crate::keyspace::SliceMap;
    use crate::pod::{Incarnation, PodName, Weight};

    fn pod(name: &str) -> Pod {
        Pod {
            name: PodName::try_new(name).unwrap(),
            incarnation: Incarnation(1),
            address: PodAddress::try_new("127.0.0.1:80").unwrap(),
            zone: "".into(),
            weight: Weight::ONE,
            memory_capacity: None,
        }
    }

    /// The assignment after `previous` in which that pod serves all keys.
    fn served_by(name: &str, previous: &Assignment) -> Arc<Assignment> {
        let mut replicas = ReplicaSet::none();
        replicas.set(PodIndex(0), Phase::Serving);
        let proposal = Proposal {
            pods: vec![pod(name)],
            slices: SliceMap::full(replicas),
        };
        Arc::new(proposal.after(previous).unwrap())
    }

    /// A session, and the text of what it wants at each step.
    struct Story {
        session: Session,
        now: Timestamp,
        wake_at: Timestamp,
    }

    impl Story {
        fn begin() -> Self {
            let reconnect = Reconnect::new(vec!["http://a".into(), "http://b".into()], 1);
            let mut story = Self {
                session: Session::new(&pod("me"), reconnect),
                now: Timestamp::from_millis(1_000),
                wake_at: Timestamp::ZERO,
            };
            assert_eq!(
                story.step(SessionEvent::Woke),
                "connect 1 to http://a knowing 0, measure"
            );
            story
        }

        fn connected() -> Self {
            let mut story = Self::begin();
            assert_eq!(story.step(story.welcome(1)), "heartbeat Ready at 0");
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

        fn welcome(&self, connection: u64) -> SessionEvent {
            SessionEvent::Connected {
                connection,
                settings: SessionSettings::default(),
            }
        }

        fn step(&mut self, event: SessionEvent) -> String {
            let Output { actions, wake_at } = self.session.step(event, self.now);
            assert!(wake_at > self.now, "it would spin");
            self.wake_at = wake_at;
            let is_news = |action: &&SessionAction| !matches!(action, SessionAction::LeavePeers);
            actions.iter().filter(is_news).map(told).collect::<Vec<_>>().join(", ")
        }

        /// Lets time pass until the session wants something; tells what.
        fn wait(&mut self) -> String {
            loop {
                self.now = self.wake_at;
                let told = self
                    .step(SessionEvent::Woke)
                    .replace(", measure", "")
                    .replace("measure", "");
                if !told.is_empty() {
                    return told;
                }
            }
        }

        /// All that the session wants in that time.
        fn pass(&mut self, millis: u64) -> Vec<String> {
            let until = self.now + Duration::from_millis(millis);
            let mut told = Vec::new();
            while self.wake_at <= until {
                self.now = self.wake_at;
                told.push(self.step(SessionEvent::Woke));
            }
            self.now = until;
            told
        }

        fn full(&mut self, assignment: &Arc<Assignment>) -> String {
            let connection = self.session.connection;
            let update = Update::Full(Arc::clone(assignment));
            self.step(SessionEvent::UpdateReceived { connection, update })
        }

        fn diff(&mut self, diff: AssignmentDiff) -> String {
            let connection = self.session.connection;
            let update = Update::Diff(diff);
            self.step(SessionEvent::UpdateReceived { connection, update })
        }

        fn held(&self) -> Arc<Assignment> {
            Arc::clone(self.session.ownership.assignment())
        }
    }

    fn told(action: &SessionAction) -> String {
        match action {
            SessionAction::Connect {
                connection,
                assigner,
                known,
            } => format!("connect {connection} to {assigner} knowing {known}"),
            SessionAction::SendHeartbeat {
                phase,
                applied,
                warming,
            } => match warming.as_slice() {
                [] => format!("heartbeat {phase:?} at {applied}"),
                [
                    (
                        _,
                        Warmth {
                            heat_share_thousandths, ..
                        },
                    ),
                    ..,
                ] => {
                    format!("heartbeat {phase:?} at {applied}, {heat_share_thousandths} warm")
                }
            },
            SessionAction::Pull { source, .. } => format!("pull from {}", source.name),
            SessionAction::StopPull { .. } => "stop to pull".to_owned(),
            SessionAction::LeavePeers => "leave the peers".to_owned(),
            SessionAction::MeasureLoad => "measure".to_owned(),
            SessionAction::SendLoadReport(report) => format!("report {}", report.total()),
            SessionAction::LimitStoreRate(Some(rate)) => format!("ask the store {} a second", rate.milli() / 1_000),
            SessionAction::LimitStoreRate(None) => "ask the store at will".to_owned(),
            SessionAction::HandleMisroutes(mode) => format!("{mode:?} misroutes").to_lowercase(),
            SessionAction::Publish { ownership, .. } => format!("publish {}", ownership.generation()),
            SessionAction::Drained { is_forced } => if *is_forced { "drained by force" } else { "drained" }.to_owned(),
        }
    }

    #[test]
    fn heartbeats_and_load_go_out_at_their_intervals() {
        let mut story = Story::owning();
        let told = story.pass(2_000);
        assert_eq!(told.join(", ").matches("heartbeat Ready at 1").count(), 4);
        assert_eq!(told.join(", ").matches("measure").count(), 2);
        let report = LoadReport::default();
        assert_eq!(story.step(SessionEvent::LoadMeasured { report }), "report 0.000");
    }

    #[test]
    fn a_lost_session_comes_back_at_the_next_assigner_with_what_is_held() {
        let mut story = Story::owning();
        assert_eq!(story.step(SessionEvent::ConnectionLost { connection: 1 }), "");
        let report = LoadReport::default();
        assert_eq!(
            story.step(SessionEvent::LoadMeasured { report }),
            "",
            "nobody is there to hear it"
        );
        assert_eq!(story.wait(), "connect 2 to http://b knowing 1");
        assert_eq!(story.step(story.welcome(2)), "heartbeat Ready at 1");
    }

    #[test]
    fn a_hint_leads_to_the_leader_at_once() {
        let mut story = Story::begin();
        let hint = SessionEvent::LeaderHinted {
            connection: 1,
            leader: "http://leader".into(),
        };
        assert_eq!(story.step(hint), "connect 2 to http://leader knowing 0");
    }

    #[test]
    fn news_of_a_connection_that_was_given_up_is_ignored() {
        let mut story = Story::owning();
        assert_eq!(story.step(SessionEvent::ConnectionLost { connection: 1 }), "");
        let stale = served_by("other", &story.held());
        assert_eq!(story.full(&stale), "");
        assert_eq!(story.wait(), "connect 2 to http://b knowing 1");
        assert_eq!(story.step(SessionEvent::ConnectionLost { connection: 1 }), "");
        assert_eq!(story.step(story.welcome(1)), "");
    }

    #[test]
    fn a_diff_is_applied_to_what_is_held() {
        let mut story = Story::owning();
        let diff = served_by("other", &story.held()).diff_since(Generation::NONE.next());
        assert_eq!(story.diff(diff.clone()), "publish 2, heartbeat Ready at 2");
        assert_eq!(story.diff(diff), "", "the same again changes nothing");
    }

    #[test]
    fn a_diff_on_another_base_asks_for_the_whole_and_never_guesses() {
        let mut story = Story::owning();
        let second = served_by("other", &story.held());
        let third = served_by("me", &second);
        assert_eq!(story.diff(third.diff_since(second.generation())), "");
        assert_eq!(story.held().generation(), Generation::NONE.next());
        assert_eq!(story.wait(), "connect 2 to http://b knowing 0");
        assert_eq!(story.step(story.welcome(2)), "heartbeat Ready at 1");
        assert_eq!(story.full(&third), "publish 3, heartbeat Ready at 3");
    }

    #[test]
    fn generations_never_go_back() {
        let mut story = Story::owning();
        let first = story.held();
        assert_eq!(
            story.full(&served_by("other", &first)),
            "publish 2, heartbeat Ready at 2"
        );
        assert_eq!(story.full(&first), "");
        assert_eq!(story.held().generation().number(), 2);
    }

    #[test]
    fn a_drain_is_told_at_once_and_lasts_until_the_slices_have_moved() {
        let mut story = Story::owning();
        assert_eq!(story.step(SessionEvent::DrainRequested), "heartbeat Draining at 1");
        assert!(!story.pass(20_000).join(", ").contains("drained"));
        let moved = served_by("other", &story.held());
        assert_eq!(story.full(&moved), "publish 2, heartbeat Draining at 2, drained");
        assert_eq!(story.step(SessionEvent::DrainRequested), "", "once is enough");
    }

    #[test]
    fn a_pod_without_slices_waits_a_moment_for_what_may_be_under_way() {
        let mut story = Story::connected();
        assert_eq!(story.step(SessionEvent::DrainRequested), "heartbeat Draining at 0");
        assert_eq!(story.wait(), "heartbeat Draining at 0");
        assert_eq!(story.wait(), "heartbeat Draining at 0, drained");
    }

    #[test]
    fn the_assigner_may_let_a_pod_go() {
        let mut story = Story::owning();
        assert_eq!(story.step(SessionEvent::MayExitReceived { connection: 1 }), "drained");
        assert_eq!(story.wait(), "heartbeat Draining at 1");
    }

    #[test]
    fn what_was_granted_holds_until_the_next_grant_whether_or_not_there_is_an_assigner() {
        let mut story = Story::owning();
        let grant = |connection, rate: Option<u32>| SessionEvent::StoreGranted {
            connection,
            rate: rate.map(Rate::per_second),
        };
        assert_eq!(story.step(grant(1, Some(70))), "ask the store 70 a second");
        assert_eq!(story.step(SessionEvent::ConnectionLost { connection: 1 }), "");
        assert_eq!(story.step(grant(1, Some(9))), "", "it was given up");
        assert_eq!(story.wait(), "connect 2 to http://b knowing 1");
        assert_eq!(story.step(story.welcome(2)), "heartbeat Ready at 1");
        assert_eq!(story.step(grant(2, None)), "ask the store at will");
    }

    #[test]
    fn what_is_done_with_misroutes_holds_until_an_assigner_says_otherwise() {
        let mut story = Story::begin();
        let welcome = |connection, misroute| SessionEvent::Connected {
            connection,
            settings: SessionSettings {
                misroute,
                ..SessionSettings::default()
            },
        };
        assert_eq!(
            story.step(welcome(1, MisrouteMode::Forward)),
            "forward misroutes, heartbeat Ready at 0"
        );
        assert_eq!(story.step(SessionEvent::ConnectionLost { connection: 1 }), "");
        assert_eq!(story.wait(), "connect 2 to http://b knowing 0");
        assert_eq!(
            story.step(welcome(2, MisrouteMode::Redirect)),
            "redirect misroutes, heartbeat Ready at 0"
        );
    }

    #[test]
    fn a_pod_with_nowhere_to_move_its_slices_stops_after_the_drain_timeout() {
        let mut story = Story::owning();
        assert_eq!(story.step(SessionEvent::DrainRequested), "heartbeat Draining at 1");
        assert!(!story.pass(59_999).join(", ").contains("drained"));
        assert!(story.pass(1).join(", ").contains("drained by force"));
    }

    #[test]
    fn a_pod_that_starts_without_assigner_goes_by_what_others_hold() {
        let mut story = Story::begin();
        let told = |assignment: &Arc<Assignment>| SessionEvent::PeerTold {
            assignment: Arc::clone(assignment),
            key_mode: KeyMode::Hashed,
        };
        let held = served_by("other", &Assignment::unassigned());
        assert_eq!(story.step(told(&held)), "publish 1");
        assert!(story.session.ownership.is_empty());
        assert_eq!(story.step(told(&held)), "", "it knows that");
        assert_eq!(story.step(story.welcome(1)), "heartbeat Ready at 1");
        let later = served_by("me", &held);
        assert_eq!(story.step(told(&later)), "", "the assigner knows better");
    }

    #[test]
    fn a_pod_that_starts_without_assigner_takes_the_place_of_its_earlier_life_at_its_address() {
        let earlier = |address: &str| {
            let mut replicas = ReplicaSet::none();
            replicas.set(PodIndex(0), Phase::Serving);
            let earlier = Pod {
                incarnation: Incarnation(0),
                address: PodAddress::try_new(address).unwrap(),
                ..pod("me")
            };
            let proposal = Proposal {
                pods: vec![earlier],
                slices: SliceMap::full(replicas),
            };
            SessionEvent::PeerTold {
                assignment: Arc::new(proposal.after(&Assignment::unassigned()).unwrap()),
                key_mode: KeyMode::Hashed,
            }
        };
        let mut story = Story::begin();
        assert_eq!(story.step(earlier("127.0.0.1:80")), "publish 1");
        assert!(!story.session.ownership.is_empty());
        let mut elsewhere = Story::begin();
        assert_eq!(elsewhere.step(earlier("127.0.0.1:81")), "publish 1");
        assert!(elsewhere.session.ownership.is_empty(), "it may still serve there");
    }

    #[test]
    fn without_any_assigner_the_pod_goes_on_and_can_still_drain() {
        let mut story = Story::begin();
        for attempt in 1..50 {
            assert_eq!(story.step(SessionEvent::ConnectionLost { connection: attempt }), "");
            assert!(story.wait().starts_with(&format!("connect {} to ", attempt + 1)));
        }
        assert_eq!(story.step(SessionEvent::DrainRequested), "");
        assert_eq!(story.wait(), "drained");
    }
}
