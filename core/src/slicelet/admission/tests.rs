//! Which requests are admitted when, as stories.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::brain::Stepper;
use StoreOutcome::{Busy, Served};
use Urgency::{Prefetch, Request};

/// An admission whose actions are written as text.
struct AdmissionStory {
    stepper: Stepper<Admission>,
    now: Timestamp,
    last_ticket: u64,
}

impl AdmissionStory {
    fn with_slots(concurrency: usize) -> Self {
        let settings = AdmissionSettings {
            concurrency,
            waiting_max: 4,
            seed: 1,
        };
        Self {
            stepper: Stepper::new(Admission::new(settings)),
            now: Timestamp::ZERO,
            last_ticket: 0,
        }
    }

    fn actions(&mut self, event: AdmissionEvent) -> Vec<AdmissionAction> {
        let actions = self.stepper.step(event, self.now);
        assert!(self.stepper.wake_at() > self.now, "a driver would spin");
        actions
    }

    fn step(&mut self, event: AdmissionEvent) -> String {
        self.actions(event).iter().map(text).collect::<Vec<_>>().join(", ")
    }

    /// Advances to the next wake-up, or to `until` if that is earlier; returns whether there is a wake-up.
    fn advance(&mut self, until: Timestamp) -> bool {
        let is_due = self.stepper.wake_at() <= until;
        self.now = if is_due { self.stepper.wake_at() } else { until };
        is_due
    }

    /// Requests admission for the next ticket, with that many milliseconds until its deadline.
    fn requests(&mut self, urgency: Urgency, millis: u64) -> String {
        self.last_ticket += 1;
        self.step(AdmissionEvent::Requested {
            ticket: Ticket(self.last_ticket),
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

    /// Advances by that time; returns the text of each wake-up in it.
    fn pass(&mut self, millis: u64) -> Vec<String> {
        let until = self.now + Duration::from_millis(millis);
        let mut all = Vec::new();
        while self.advance(until) {
            let text = self.step(AdmissionEvent::Woke);
            all.push(format!("{} ms: {text}", self.now.as_micros() / 1_000));
        }
        all
    }

    /// Two slots, both taken, with a known service time of 100 ms.
    fn full() -> Self {
        let mut story = Self::with_slots(2);
        assert_eq!(story.requests(Request, 1_000), "admit 1");
        story.pass(100);
        assert_eq!(story.ends(1, Served), "");
        assert_eq!(story.requests(Request, 1_000), "admit 2");
        assert_eq!(story.requests(Request, 1_000), "admit 3");
        story
    }
}

fn text(action: &AdmissionAction) -> String {
    match action {
        AdmissionAction::Admit(ticket) => format!("admit {}", ticket.0),
        AdmissionAction::Refuse { ticket, retry_after } => {
            format!("refuse {} for {} ms", ticket.0, retry_after.as_millis())
        }
    }
}

#[test]
fn requests_are_admitted_in_order_and_before_prefetches() {
    let mut story = AdmissionStory::full();
    assert_eq!(story.requests(Prefetch, 1_000), "");
    assert_eq!(story.requests(Request, 1_000), "");
    assert_eq!(story.requests(Request, 1_000), "");
    assert_eq!(story.ends(3, Served), "admit 5");
    assert_eq!(story.ends(2, Served), "admit 6");
    assert_eq!(story.ends(5, Served), "admit 4");
}

#[test]
fn prefetches_use_at_most_half_of_the_slots() {
    let mut story = AdmissionStory::with_slots(4);
    assert_eq!(story.requests(Prefetch, 1_000), "admit 1");
    assert_eq!(story.requests(Prefetch, 1_000), "admit 2");
    assert_eq!(story.requests(Prefetch, 1_000), "");
    assert_eq!(story.requests(Request, 1_000), "admit 4");
    assert_eq!(story.ends(2, Served), "admit 3");
    let mut story = AdmissionStory::with_slots(1);
    assert_eq!(story.requests(Prefetch, 1_000), "admit 1", "but at least one slot");
}

#[test]
fn a_request_that_cannot_be_served_in_time_is_refused_at_once_with_a_hint() {
    let mut story = AdmissionStory::full();
    assert_eq!(story.requests(Request, 50), "refuse 4 for 50 ms");
    assert_eq!(story.requests(Request, 51), "");
    assert_eq!(story.requests(Request, 100), "refuse 6 for 100 ms");
    assert_eq!(story.requests(Prefetch, 150), "refuse 7 for 200 ms");
    assert_eq!(story.requests(Request, 0), "refuse 8 for 100 ms");
}

#[test]
fn a_waiting_request_is_refused_at_its_deadline() {
    let mut story = AdmissionStory::full();
    assert_eq!(story.requests(Request, 60), "");
    assert_eq!(story.requests(Prefetch, 400), "");
    assert_eq!(
        story.pass(1_000),
        ["160 ms: refuse 4 for 50 ms", "500 ms: refuse 5 for 100 ms"]
    );
    assert_eq!(story.ends(2, Served), "");
}

#[test]
fn a_withdrawn_request_leaves_the_line_or_its_slot() {
    let mut story = AdmissionStory::full();
    assert_eq!(story.requests(Request, 1_000), "");
    assert_eq!(story.requests(Request, 1_000), "");
    assert_eq!(story.withdraws(4), "");
    assert_eq!(story.withdraws(2), "admit 5");
    assert_eq!(story.ends(2, Busy), "", "it was withdrawn");
    assert_eq!(story.stepper.brain().limit(), 2);
}

#[test]
fn the_line_is_bounded_and_a_request_displaces_the_newest_prefetch() {
    let mut story = AdmissionStory::full();
    assert_eq!(story.requests(Prefetch, 9_000), "");
    assert_eq!(story.requests(Prefetch, 9_000), "");
    assert_eq!(story.requests(Request, 9_000), "");
    assert_eq!(story.requests(Request, 9_000), "");
    assert_eq!(story.requests(Request, 9_000), "refuse 5 for 500 ms");
    assert_eq!(story.requests(Prefetch, 9_000), "refuse 9 for 500 ms");
    assert_eq!(story.requests(Request, 9_000), "refuse 4 for 500 ms");
    assert_eq!(story.requests(Request, 9_000), "refuse 11 for 250 ms");
}

#[test]
fn after_a_busy_signal_comes_a_pause_and_then_half_the_limit() {
    let mut story = AdmissionStory::with_slots(4);
    (1..=4).for_each(|ticket| assert_eq!(story.requests(Request, 9_000), format!("admit {ticket}")));
    (1..=3).for_each(|ticket| assert_eq!(story.ends(ticket, Busy), ""));
    assert_eq!(story.stepper.brain().limit(), 2);
    (5..=7).for_each(|_| assert_eq!(story.requests(Request, 9_000), ""));
    assert_eq!(story.requests(Request, 20), "refuse 8 for 39 ms");
    assert_eq!(story.pass(1_000), ["39 ms: admit 5"], "one of the four still runs");
    assert_eq!(story.ends(5, Served), "admit 6");
    assert_eq!(story.ends(6, Served), "admit 7");
}

#[test]
fn a_pod_makes_no_more_requests_than_granted() {
    let mut story = AdmissionStory::with_slots(64);
    assert_eq!(story.granted(Some(4)), "");
    assert_eq!(story.requests(Request, 2_000), "admit 1");
    assert_eq!(story.requests(Request, 2_000), "");
    assert_eq!(story.requests(Prefetch, 2_000), "");
    assert_eq!(story.requests(Request, 500), "refuse 4 for 500 ms");
    assert_eq!(story.pass(500), ["250 ms: admit 2", "500 ms: admit 3"]);
    assert_eq!(story.requests(Request, 2_000), "");
    assert_eq!(story.granted(None), "admit 5");
}

#[test]
fn with_a_grant_of_zero_requests_are_refused_at_once() {
    let mut story = AdmissionStory::with_slots(64);
    assert_eq!(story.granted(Some(0)), "");
    assert_eq!(story.requests(Request, 60_000), "admit 1", "the last token");
    assert_eq!(story.requests(Request, 60_000), "refuse 2 for 10000 ms");
}

#[test]
fn the_demand_is_the_arrivals_and_the_requests_that_wait() {
    let mut story = AdmissionStory::with_slots(1);
    for _ in 0..20 {
        story.requests(Request, 2_000);
        story.pass(100);
    }
    assert_eq!(story.stepper.brain().demand(story.now), 10 + 4);
}

#[derive(Debug, Clone)]
enum AdmissionOp {
    Request(Urgency, u64),
    Withdraw(prop::sample::Index),
    End(prop::sample::Index, StoreOutcome),
    Grant(Option<u32>),
    Pass(u64),
}

fn op() -> impl Strategy<Value = AdmissionOp> {
    let urgency = prop_oneof![Just(Request), Just(Prefetch)];
    prop_oneof![
        4 => (urgency, 0_u64..3_000).prop_map(|(urgency, millis)| AdmissionOp::Request(urgency, millis)),
        1 => any::<prop::sample::Index>().prop_map(AdmissionOp::Withdraw),
        3 => (any::<prop::sample::Index>(), prop_oneof![4 => Just(Served), 1 => Just(Busy)])
            .prop_map(|(index, outcome)| AdmissionOp::End(index, outcome)),
        1 => prop::option::of(0_u32..50).prop_map(AdmissionOp::Grant),
        2 => (1_u64..1_000).prop_map(AdmissionOp::Pass),
    ]
}

/// Checks the invariants of admission at each step.
struct AdmissionChecker {
    story: AdmissionStory,
    requests: BTreeSet<u64>,
    prefetches: BTreeSet<u64>,
    running: BTreeSet<u64>,
}

impl AdmissionChecker {
    fn step(&mut self, event: AdmissionEvent) {
        for action in self.story.actions(event) {
            match action {
                AdmissionAction::Admit(Ticket(ticket)) => {
                    let waited = self.requests.remove(&ticket) || {
                        assert!(self.requests.is_empty(), "a request waits while a prefetch is admitted");
                        self.prefetches.remove(&ticket)
                    };
                    assert!(waited, "{ticket} was answered before");
                    self.running.insert(ticket);
                    assert!(self.running.len() <= self.story.stepper.brain().limit());
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
        assert_eq!(self.story.stepper.brain().waiting_count(), waiting_count);
        assert_eq!(self.story.stepper.brain().running_count(), self.running.len());
        assert!(waiting_count <= 4);
    }

    fn perform(&mut self, op: AdmissionOp) {
        match op {
            AdmissionOp::Request(urgency, millis) => self.request(urgency, millis),
            AdmissionOp::Withdraw(index) => {
                let waiting: Vec<_> = self.requests.union(&self.prefetches).copied().collect();
                if !waiting.is_empty() {
                    let ticket = *index.get(&waiting);
                    self.requests.remove(&ticket);
                    self.prefetches.remove(&ticket);
                    self.step(AdmissionEvent::Withdrawn { ticket: Ticket(ticket) });
                }
            }
            AdmissionOp::End(index, outcome) => {
                let running: Vec<_> = self.running.iter().copied().collect();
                if !running.is_empty() {
                    let ticket = *index.get(&running);
                    self.running.remove(&ticket);
                    let ticket = Ticket(ticket);
                    self.step(AdmissionEvent::Ended { ticket, outcome });
                }
            }
            AdmissionOp::Grant(rate) => self.step(AdmissionEvent::Granted {
                rate: rate.map(Rate::per_second),
            }),
            AdmissionOp::Pass(millis) => self.pass(millis),
        }
    }

    fn request(&mut self, urgency: Urgency, millis: u64) {
        self.story.last_ticket += 1;
        match urgency {
            Request => self.requests.insert(self.story.last_ticket),
            Prefetch => self.prefetches.insert(self.story.last_ticket),
        };
        self.step(AdmissionEvent::Requested {
            ticket: Ticket(self.story.last_ticket),
            urgency,
            deadline: self.story.now + Duration::from_millis(millis),
        });
    }

    fn pass(&mut self, millis: u64) {
        let until = self.story.now + Duration::from_millis(millis);
        while self.story.advance(until) {
            self.step(AdmissionEvent::Woke);
        }
    }
}

proptest! {
    #[test]
    fn each_request_is_answered_once_and_in_time(
        slots in 1_usize..6,
        ops in prop::collection::vec(op(), 1..120),
    ) {
        let mut checker = AdmissionChecker {
            story: AdmissionStory::with_slots(slots),
            requests: BTreeSet::new(),
            prefetches: BTreeSet::new(),
            running: BTreeSet::new(),
        };
        ops.into_iter().for_each(|op| checker.perform(op));
        checker.pass(3_000);
        prop_assert!(checker.requests.is_empty() && checker.prefetches.is_empty(), "a request still waits");
    }
}
