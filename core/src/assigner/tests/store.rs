//! The budget of object store requests.

use std::time::Duration;

use super::story::TargetStory;
use crate::assigner::*;
use crate::pod::PodPhase;
use crate::pod::fixtures::pod;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl TargetStory {
    /// The grants since the last call, in order.
    fn take_granted(&mut self) -> String {
        std::mem::take(&mut self.granted).join(", ")
    }

    /// Advances time while these sessions send heartbeats with these demands.
    fn pass_with_demands(&mut self, time: Duration, demands: &[(u64, u32)]) {
        for _ in 0..time.as_millis() / 500 {
            self.pass(millis(500));
            for (session, requests) in demands {
                self.heartbeat_with_demand(*session, PodPhase::Ready, *requests);
            }
        }
    }
}

/// Three pods that share 1,000 requests a second; two of them demand more than they get.
fn limited() -> TargetStory {
    let mut story = TargetStory::with_pods(3);
    assert_eq!(story.take_granted(), "any to 0, any to 1, any to 2");
    story.limit_store_requests(Some(1_000));
    assert_eq!(story.take_granted(), "333 to 0, 333 to 1, 333 to 2");
    story.pass_with_demands(millis(1_000), &[(0, 600), (1, 600), (2, 10)]);
    assert_eq!(story.take_granted(), "83 to 2, 458 to 0, 458 to 1");
    story
}

#[test]
fn when_a_pod_dies_the_shares_of_the_others_grow() {
    let mut story = limited();
    story.step(TargetEvent::SessionClosed { session: SessionId(0) });
    assert_eq!(
        story.take_granted(),
        "",
        "it may be alive, and holds what it was granted"
    );
    story.pass(millis(100));
    story.probed(&pod(0), ProbeOutcome::Refused);
    assert_eq!(story.take_granted(), "737 to 1, 262 to 2");
}

#[test]
fn a_pod_that_lost_its_session_keeps_its_share_and_is_granted_it_again() {
    let mut story = limited();
    story.step(TargetEvent::SessionClosed { session: SessionId(0) });
    story.pass_with_demands(millis(1_000), &[(1, 10), (2, 10)]);
    assert_eq!(story.take_granted(), "270 to 1, 270 to 2");
    story.open(7, pod(0));
    assert_eq!(story.take_granted(), "458 to 7");
}

#[test]
fn small_changes_of_demand_are_ignored_and_large_ones_wait_for_the_interval() {
    let mut story = limited();
    story.pass_with_demands(millis(5_000), &[(0, 700), (1, 500), (2, 10)]);
    assert_eq!(story.take_granted(), "");
    story.heartbeat_with_demand(2, PodPhase::Ready, 900);
    assert_eq!(story.take_granted(), "333 to 0, 333 to 1, 333 to 2");
    story.heartbeat_with_demand(2, PodPhase::Ready, 10);
    assert_eq!(story.take_granted(), "");
    story.pass(millis(999));
    assert_eq!(story.take_granted(), "");
    story.pass(millis(1));
    assert_eq!(story.take_granted(), "83 to 2, 458 to 0, 458 to 1");
}

#[test]
fn a_pod_that_joins_gets_a_share_at_once_and_many_share_one_allocation() {
    let mut story = limited();
    story.pass(millis(100));
    story.open(3, pod(3));
    assert_eq!(story.take_granted(), "437 to 0, 437 to 1, 62 to 2, 62 to 3");
    (4..8).for_each(|number| story.open(number, pod(number)));
    assert_eq!(story.take_granted(), "");
    story.pass(millis(100));
    assert_eq!(story.granted.len(), 8);
}

#[test]
fn a_new_leader_reserves_shares_for_pods_without_a_session() {
    let before = limited();
    let mut story = TargetStory::with_new_leader(before.cluster, before.now);
    (0..3).for_each(|number| story.open(number, pod(number)));
    assert_eq!(story.take_granted(), "333 to 0, 333 to 1, 333 to 2");
}

#[test]
fn without_a_limit_shares_are_unlimited() {
    let mut story = limited();
    story.pass(millis(100));
    story.limit_store_requests(None);
    assert_eq!(story.take_granted(), "any to 0, any to 1, any to 2");
    story.limit_store_requests(Some(30));
    assert_eq!(story.take_granted(), "");
    story.pass(millis(100));
    assert_eq!(story.granted.len(), 3);
}
