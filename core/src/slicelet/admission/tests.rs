//! What is admitted when, told by tests.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use StoreOutcome::{Busy, Served};
use Urgency::{Prefetch, Request};

/// An admission in a story; what it wants is told as text.
struct Story {
    admission: Admission,
    now: Timestamp,
    wake_at: Timestamp,
    drawn: u64,
}

impl Story {
    fn with_places(concurrency: usize) -> Self {
        let settings = AdmissionSettings {
            concurrency,
            waiting_max: 4,
            seed: 1,
        };
        Self {
            admission: Admission::new(settings),
            now: Timestamp::ZERO,
            wake_at: Timestamp::NEVER,
            drawn: 0,
        }
    }

    fn step(&mut self, event: AdmissionEvent) -> String {
        let Output { actions, wake_at } = self.admission.step(event, self.now);
        assert!(wake_at > self.now, "it would spin");
        self.wake_at = wake_at;
        actions.iter().map(told).collect::<Vec<_>>().join(", ")
    }

    /// The next ticket asks, with so much time.
    fn asks(&mut self, urgency: Urgency, millis: u64) -> String {
        self.drawn += 1;
        self.step(AdmissionEvent::Asked {
            ticket: Ticket(self.drawn),
            urgency,
            deadline: self.now + Duration::from_millis(millis),
        })
    }

    fn ends(&mut self, ticket: u64, outcome: StoreOutcome) -> String {
        let ticket = Ticket(ticket);
        self.step(AdmissionEvent::Ended { ticket, outcome })
    }

    fn withdraws(&mut self, ticket: u64) -> String {
        let ticket = Ticket(ticket);
        self.step(AdmissionEvent::Withdrawn { ticket })
    }

    fn granted(&mut self, rate: Option<u32>) -> String {
        let rate = rate.map(Rate::per_second);
        self.step(AdmissionEvent::Granted { rate })
    }

    /// Lets time pass; tells what happened when.
    fn pass(&mut self, millis: u64) -> Vec<String> {
        let until = self.now + Duration::from_millis(millis);
        let mut all = Vec::new();
        while self.wake_at <= until {
            self.now = self.wake_at;
            let told = self.step(AdmissionEvent::Woke);
            all.push(format!("{} ms: {told}", self.now.as_micros() / 1_000));
        }
        self.now = until;
        all
    }

    /// Two places, both taken by requests that know that one takes 100 ms.
    fn full() -> Self {
        let mut story = Self::with_places(2);
        assert_eq!(story.asks(Request, 1_000), "admit 1");
        story.pass(100);
        assert_eq!(story.ends(1, Served), "");
        assert_eq!(story.asks(Request, 1_000), "admit 2");
        assert_eq!(story.asks(Request, 1_000), "admit 3");
        story
    }
}

fn told(action: &AdmissionAction) -> String {
    match action {
        AdmissionAction::Admit(ticket) => format!("admit {}", ticket.0),
        AdmissionAction::Refuse { ticket, retry_after } => {
            format!("refuse {} for {} ms", ticket.0, retry_after.as_millis())
        }
    }
}

#[test]
fn requests_take_their_turn_and_go_before_prefetches() {
    let mut story = Story::full();
    assert_eq!(story.asks(Prefetch, 1_000), "");
    assert_eq!(story.asks(Request, 1_000), "");
    assert_eq!(story.asks(Request, 1_000), "");
    assert_eq!(story.ends(3, Served), "admit 5");
    assert_eq!(story.ends(2, Served), "admit 6");
    assert_eq!(story.ends(5, Served), "admit 4");
}

#[test]
fn prefetches_take_half_of_the_places() {
    let mut story = Story::with_places(4);
    assert_eq!(story.asks(Prefetch, 1_000), "admit 1");
    assert_eq!(story.asks(Prefetch, 1_000), "admit 2");
    assert_eq!(story.asks(Prefetch, 1_000), "");
    assert_eq!(story.asks(Request, 1_000), "admit 4");
    assert_eq!(story.ends(2, Served), "admit 3");
    let mut story = Story::with_places(1);
    assert_eq!(story.asks(Prefetch, 1_000), "admit 1", "and at least one");
}

#[test]
fn one_who_cannot_be_served_in_time_is_told_at_once_when_it_could_be() {
    let mut story = Story::full();
    assert_eq!(story.asks(Request, 50), "refuse 4 for 50 ms");
    assert_eq!(story.asks(Request, 51), "");
    assert_eq!(story.asks(Request, 100), "refuse 6 for 100 ms");
    assert_eq!(story.asks(Prefetch, 150), "refuse 7 for 200 ms");
    assert_eq!(story.asks(Request, 0), "refuse 8 for 100 ms");
}

#[test]
fn one_who_waits_until_its_deadline_is_refused_then() {
    let mut story = Story::full();
    assert_eq!(story.asks(Request, 60), "");
    assert_eq!(story.asks(Prefetch, 400), "");
    assert_eq!(
        story.pass(1_000),
        ["160 ms: refuse 4 for 50 ms", "500 ms: refuse 5 for 100 ms"]
    );
    assert_eq!(story.ends(2, Served), "");
}

#[test]
fn one_who_gives_up_leaves_the_line_or_its_place() {
    let mut story = Story::full();
    assert_eq!(story.asks(Request, 1_000), "");
    assert_eq!(story.asks(Request, 1_000), "");
    assert_eq!(story.withdraws(4), "");
    assert_eq!(story.withdraws(2), "admit 5");
    assert_eq!(story.ends(2, Busy), "", "it had left");
    assert_eq!(story.admission.limit(), 2);
}

#[test]
fn the_line_has_an_end_and_a_request_pushes_out_the_youngest_prefetch() {
    let mut story = Story::full();
    assert_eq!(story.asks(Prefetch, 9_000), "");
    assert_eq!(story.asks(Prefetch, 9_000), "");
    assert_eq!(story.asks(Request, 9_000), "");
    assert_eq!(story.asks(Request, 9_000), "");
    assert_eq!(story.asks(Request, 9_000), "refuse 5 for 500 ms");
    assert_eq!(story.asks(Prefetch, 9_000), "refuse 9 for 500 ms");
    assert_eq!(story.asks(Request, 9_000), "refuse 4 for 500 ms");
    assert_eq!(story.asks(Request, 9_000), "refuse 11 for 250 ms");
}

#[test]
fn a_busy_store_is_left_alone_for_a_pause_and_then_asked_by_half_as_many() {
    let mut story = Story::with_places(4);
    (1..=4).for_each(|ticket| assert_eq!(story.asks(Request, 9_000), format!("admit {ticket}")));
    (1..=3).for_each(|ticket| assert_eq!(story.ends(ticket, Busy), ""));
    assert_eq!(story.admission.limit(), 2);
    (5..=7).for_each(|_| assert_eq!(story.asks(Request, 9_000), ""));
    assert_eq!(story.asks(Request, 20), "refuse 8 for 39 ms");
    assert_eq!(story.pass(1_000), ["39 ms: admit 5"], "one of the four still runs");
    assert_eq!(story.ends(5, Served), "admit 6");
    assert_eq!(story.ends(6, Served), "admit 7");
}

#[test]
fn a_pod_makes_no_more_requests_than_it_was_granted() {
    let mut story = Story::with_places(64);
    assert_eq!(story.granted(Some(4)), "");
    assert_eq!(story.asks(Request, 2_000), "admit 1");
    assert_eq!(story.asks(Request, 2_000), "");
    assert_eq!(story.asks(Prefetch, 2_000), "");
    assert_eq!(story.asks(Request, 500), "refuse 4 for 500 ms");
    assert_eq!(story.pass(500), ["250 ms: admit 2", "500 ms: admit 3"]);
    assert_eq!(story.asks(Request, 2_000), "");
    assert_eq!(story.granted(None), "admit 5");
}

#[test]
fn with_nothing_granted_nobody_waits_in_vain() {
    let mut story = Story::with_places(64);
    assert_eq!(story.granted(Some(0)), "");
    assert_eq!(story.asks(Request, 60_000), "admit 1", "what was saved up");
    assert_eq!(story.asks(Request, 60_000), "refuse 2 for 10000 ms");
}

#[test]
fn the_demand_is_what_comes_and_what_waits_admitted_or_not() {
    let mut story = Story::with_places(1);
    for _ in 0..20 {
        story.asks(Request, 2_000);
        story.pass(100);
    }
    assert_eq!(story.admission.demand(story.now), 10 + 4);
}

#[derive(Debug, Clone)]
enum Deed {
    Ask(Urgency, u64),
    Withdraw(prop::sample::Index),
    End(prop::sample::Index, StoreOutcome),
    Grant(Option<u32>),
    Pass(u64),
}

fn deed() -> impl Strategy<Value = Deed> {
    let urgency = prop_oneof![Just(Request), Just(Prefetch)];
    prop_oneof![
        4 => (urgency, 0_u64..3_000).prop_map(|(urgency, millis)| Deed::Ask(urgency, millis)),
        1 => any::<prop::sample::Index>().prop_map(Deed::Withdraw),
        3 => (any::<prop::sample::Index>(), prop_oneof![4 => Just(Served), 1 => Just(Busy)])
            .prop_map(|(index, outcome)| Deed::End(index, outcome)),
        1 => prop::option::of(0_u32..50).prop_map(Deed::Grant),
        2 => (1_u64..1_000).prop_map(Deed::Pass),
    ]
}

/// Checks what must hold whatever happens.
struct Witness {
    story: Story,
    requests: BTreeSet<u64>,
    prefetches: BTreeSet<u64>,
    running: BTreeSet<u64>,
}

impl Witness {
    fn step(&mut self, event: AdmissionEvent) {
        let Output { actions, wake_at } = self.story.admission.step(event, self.story.now);
        assert!(wake_at > self.story.now, "it would spin");
        self.story.wake_at = wake_at;
        for action in actions {
            match action {
                AdmissionAction::Admit(Ticket(ticket)) => {
                    let waited = self.requests.remove(&ticket) || {
                        assert!(self.requests.is_empty(), "a request waits while a prefetch is admitted");
                        self.prefetches.remove(&ticket)
                    };
                    assert!(waited, "{ticket} was answered before");
                    self.running.insert(ticket);
                    assert!(self.running.len() <= self.story.admission.limit());
                }
                AdmissionAction::Refuse {
                    ticket: Ticket(ticket),
                    retry_after,
                } => {
                    let waited = self.requests.remove(&ticket) || self.prefetches.remove(&ticket);
                    assert!(waited, "{ticket} was answered before");
                    assert!((RETRY_AFTER_MIN..=RETRY_AFTER_MAX).contains(&retry_after));
                }
            }
        }
        let waiting_count = self.requests.len() + self.prefetches.len();
        assert_eq!(self.story.admission.waiting_count(), waiting_count);
        assert_eq!(self.story.admission.running_count(), self.running.len());
        assert!(waiting_count <= 4);
    }

    fn perform(&mut self, deed: Deed) {
        match deed {
            Deed::Ask(urgency, millis) => self.ask(urgency, millis),
            Deed::Withdraw(index) => {
                let waiting: Vec<_> = self.requests.union(&self.prefetches).copied().collect();
                if !waiting.is_empty() {
                    let ticket = *index.get(&waiting);
                    self.requests.remove(&ticket);
                    self.prefetches.remove(&ticket);
                    self.step(AdmissionEvent::Withdrawn { ticket: Ticket(ticket) });
                }
            }
            Deed::End(index, outcome) => {
                let running: Vec<_> = self.running.iter().copied().collect();
                if !running.is_empty() {
                    let ticket = *index.get(&running);
                    self.running.remove(&ticket);
                    let ticket = Ticket(ticket);
                    self.step(AdmissionEvent::Ended { ticket, outcome });
                }
            }
            Deed::Grant(rate) => self.step(AdmissionEvent::Granted {
                rate: rate.map(Rate::per_second),
            }),
            Deed::Pass(millis) => self.pass(millis),
        }
    }

    fn ask(&mut self, urgency: Urgency, millis: u64) {
        self.story.drawn += 1;
        match urgency {
            Request => self.requests.insert(self.story.drawn),
            Prefetch => self.prefetches.insert(self.story.drawn),
        };
        self.step(AdmissionEvent::Asked {
            ticket: Ticket(self.story.drawn),
            urgency,
            deadline: self.story.now + Duration::from_millis(millis),
        });
    }

    fn pass(&mut self, millis: u64) {
        let until = self.story.now + Duration::from_millis(millis);
        while self.story.wake_at <= until {
            self.story.now = self.story.wake_at;
            self.step(AdmissionEvent::Woke);
        }
        self.story.now = until;
    }
}

proptest! {
    #[test]
    fn whatever_happens_each_is_answered_once_and_in_time(
        places in 1_usize..6,
        deeds in prop::collection::vec(deed(), 1..120),
    ) {
        let mut witness = Witness {
            story: Story::with_places(places),
            requests: BTreeSet::new(),
            prefetches: BTreeSet::new(),
            running: BTreeSet::new(),
        };
        deeds.into_iter().for_each(|deed| witness.perform(deed));
        witness.pass(3_000);
        prop_assert!(witness.requests.is_empty() && witness.prefetches.is_empty(), "somebody still waits");
    }
}
