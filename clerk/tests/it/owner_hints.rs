//! Owner hints: a hint of a newer generation counts until the clerk has an assignment of that generation.

use emberkeep_core::assignment::Generation;
use emberkeep_core::keyspace::{Slice, SliceKey};
use emberkeep_core::pod::Pod;
use emberkeep_proto::convert::NotOwner;

use crate::echo_pod::{EchoPod, PodBehaviour, dead_pod};
use crate::{assignment_server, call, patient, ready, routed_by, two_pods};

/// The hint that `owner` owns the keys from `m` on.
fn upper_half_at(owner: &Pod, generation: Generation) -> NotOwner {
    NotOwner {
        generation,
        slice: Slice::new(SliceKey::try_new(b"m").unwrap(), None).unwrap(),
        owner: Some(owner.clone()),
    }
}

#[tokio::test]
async fn a_clerk_whose_watch_is_frozen_learns_of_a_move_from_its_first_misroute() {
    let (assigner, a, b) = two_pods().await;
    let generation = assigner.assign(&[("", &[&b.pod]), ("m", &[&a.pod])]);
    let clerk = ready(&assigner, patient()).await;
    // The assignment changes, but the assigner does not publish it.
    a.behave(PodBehaviour::Reject(upper_half_at(&b.pod, generation.next())));
    for number in 0..1_000 {
        assert_eq!(call(clerk.for_key(format!("m{number}"))).await.unwrap(), "b");
    }
    let stats = clerk.stats();
    assert_eq!((stats.misrouted, stats.retried, a.request_count()), (1, 1, 1));
    assert_eq!(clerk.owner_of("m1").unwrap().name, b.pod.name);
    assert_eq!(stats.failed, Default::default());
}

#[tokio::test]
async fn an_assignment_of_the_hinted_generation_replaces_the_hint() {
    let (assigner, a, b) = two_pods().await;
    let generation = assigner.assign(&[("", &[&a.pod])]);
    let clerk = ready(&assigner, patient()).await;
    let later = generation.next().next();
    a.behave(PodBehaviour::Reject(upper_half_at(&b.pod, later)));
    assert_eq!(call(clerk.for_key("m")).await.unwrap(), "b");
    a.behave(PodBehaviour::Answer);
    let older = assigner.assign(&[("", &[&a.pod]), ("c", &[&a.pod])]);
    assert!(older < later);
    routed_by(&clerk, older).await;
    assert_eq!(
        call(clerk.for_key("m")).await.unwrap(),
        "b",
        "an older generation does not replace the hint"
    );
    assert_eq!(
        call(clerk.for_key("a")).await.unwrap(),
        "a",
        "the hint is about other keys"
    );
    assert_eq!(assigner.assign(&[("", &[&a.pod])]), later);
    routed_by(&clerk, later).await;
    assert_eq!(call(clerk.for_key("m")).await.unwrap(), "a");
}

#[tokio::test]
async fn a_newer_hint_replaces_an_older_one_and_not_the_reverse() {
    let (assigner, a, b, c) = (
        assignment_server().await,
        EchoPod::start("a").await,
        EchoPod::start("b").await,
        EchoPod::start("c").await,
    );
    let generation = assigner.assign(&[("", &[&a.pod])]);
    let clerk = ready(&assigner, patient()).await;
    let (second, third) = (generation.next(), generation.next().next());
    a.behave(PodBehaviour::Reject(upper_half_at(&b.pod, second)));
    assert_eq!(call(clerk.for_key("m")).await.unwrap(), "b");
    b.behave(PodBehaviour::Reject(upper_half_at(&c.pod, third)));
    assert_eq!(call(clerk.for_key("m")).await.unwrap(), "c");
    // Called for another key, the first pod returns an older hint about all keys.
    b.behave(PodBehaviour::Answer);
    a.behave(PodBehaviour::Reject(NotOwner {
        slice: Slice::FULL,
        ..upper_half_at(&b.pod, second)
    }));
    assert_eq!(call(clerk.for_key("a")).await.unwrap(), "b");
    assert_eq!(call(clerk.for_key("m")).await.unwrap(), "c");
}

#[tokio::test]
async fn a_hint_to_an_unreachable_owner_is_dropped() {
    let (assigner, a) = (assignment_server().await, EchoPod::start("a").await);
    let generation = assigner.assign(&[("", &[&a.pod])]);
    let clerk = ready(&assigner, patient()).await;
    let (dead, _port) = dead_pod("dead");
    a.behave(PodBehaviour::Reject(upper_half_at(&dead, generation.next())));
    let calling = tokio::spawn(call(clerk.for_key("m")));
    a.received().await;
    a.behave(PodBehaviour::Answer);
    assert_eq!(calling.await.unwrap().unwrap(), "a");
    assert_eq!(call(clerk.for_key("m")).await.unwrap(), "a");
}

#[tokio::test]
async fn a_forwarded_answer_is_returned_and_its_hint_routes_the_next_request() {
    let (assigner, a, b) = two_pods().await;
    let generation = assigner.assign(&[("", &[&a.pod])]);
    let clerk = ready(&assigner, patient()).await;
    a.behave(PodBehaviour::Forward(upper_half_at(&b.pod, generation.next())));
    assert_eq!(call(clerk.for_key("m")).await.unwrap(), "a");
    assert_eq!(call(clerk.for_key("m")).await.unwrap(), "b");
    let stats = clerk.stats();
    assert_eq!((stats.misrouted, stats.retried), (1, 0));
}
