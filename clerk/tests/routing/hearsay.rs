//! What pods say of a newer generation counts until an assignment says it.

use emberkeep_core::assignment::Generation;
use emberkeep_core::keyspace::{Slice, SliceKey};
use emberkeep_core::pod::Pod;
use emberkeep_proto::convert::NotOwner;

use crate::assigner::TestAssigner;
use crate::pod::{Behaviour, TestPod, dead_pod};
use crate::{DEADLINE, ask, clerk_of, patient, routed_by};

/// What a pod knows of the keys from `m` on.
fn upper_half_is_with(owner: &Pod, generation: Generation) -> NotOwner {
    NotOwner {
        generation,
        slice: Slice::new(SliceKey::try_new(b"m").unwrap(), None).unwrap(),
        owner: Some(owner.clone()),
    }
}

#[tokio::test]
async fn a_clerk_whose_watch_is_frozen_learns_of_a_move_from_its_first_misroute() {
    let (assigner, a, b) = (TestAssigner::start().await, TestPod::start("a"), TestPod::start("b"));
    let generation = assigner.assign(&[("", &[&b.pod]), ("m", &[&a.pod])]);
    let clerk = clerk_of(&assigner, patient()).await;
    clerk.ready(DEADLINE).await.unwrap();
    // The assignment moves on, and the assigner says nothing of it.
    a.behave(Behaviour::Refuse(upper_half_is_with(&b.pod, generation.next())));
    for number in 0..1_000 {
        assert_eq!(ask(clerk.for_key(format!("m{number}"))).await.unwrap(), "b");
    }
    let stats = clerk.stats();
    assert_eq!((stats.misrouted, stats.retried, a.requests()), (1, 1, 1));
    assert_eq!(clerk.owner_of("m1").unwrap().name, b.pod.name);
    assert_eq!(stats.failed, Default::default());
}

#[tokio::test]
async fn an_assignment_as_new_as_what_was_said_counts_again() {
    let (assigner, a, b) = (TestAssigner::start().await, TestPod::start("a"), TestPod::start("b"));
    let generation = assigner.assign(&[("", &[&a.pod])]);
    let clerk = clerk_of(&assigner, patient()).await;
    clerk.ready(DEADLINE).await.unwrap();
    let later = generation.next().next();
    a.behave(Behaviour::Refuse(upper_half_is_with(&b.pod, later)));
    assert_eq!(ask(clerk.for_key("m")).await.unwrap(), "b");
    a.behave(Behaviour::Answer);
    let older = assigner.assign(&[("", &[&a.pod]), ("c", &[&a.pod])]);
    assert!(older < later);
    routed_by(&clerk, older).await;
    assert_eq!(
        ask(clerk.for_key("m")).await.unwrap(),
        "b",
        "never back to an older generation"
    );
    assert_eq!(
        ask(clerk.for_key("a")).await.unwrap(),
        "a",
        "it was not said of other keys"
    );
    assert_eq!(assigner.assign(&[("", &[&a.pod])]), later);
    routed_by(&clerk, later).await;
    assert_eq!(ask(clerk.for_key("m")).await.unwrap(), "a");
}

#[tokio::test]
async fn a_newer_word_takes_the_place_of_an_older_one_and_not_the_other_way_round() {
    let (assigner, a, b, c) = (
        TestAssigner::start().await,
        TestPod::start("a"),
        TestPod::start("b"),
        TestPod::start("c"),
    );
    let generation = assigner.assign(&[("", &[&a.pod])]);
    let clerk = clerk_of(&assigner, patient()).await;
    clerk.ready(DEADLINE).await.unwrap();
    let (second, third) = (generation.next(), generation.next().next());
    a.behave(Behaviour::Refuse(upper_half_is_with(&b.pod, second)));
    assert_eq!(ask(clerk.for_key("m")).await.unwrap(), "b");
    b.behave(Behaviour::Refuse(upper_half_is_with(&c.pod, third)));
    assert_eq!(ask(clerk.for_key("m")).await.unwrap(), "c");
    // Asked for another key, the first pod says of all keys what is known better of some.
    b.behave(Behaviour::Answer);
    a.behave(Behaviour::Refuse(NotOwner {
        slice: Slice::FULL,
        ..upper_half_is_with(&b.pod, second)
    }));
    assert_eq!(ask(clerk.for_key("a")).await.unwrap(), "b");
    assert_eq!(ask(clerk.for_key("m")).await.unwrap(), "c");
}

#[tokio::test]
async fn an_owner_that_was_named_and_cannot_be_reached_is_forgotten() {
    let (assigner, a) = (TestAssigner::start().await, TestPod::start("a"));
    let generation = assigner.assign(&[("", &[&a.pod])]);
    let clerk = clerk_of(&assigner, patient()).await;
    clerk.ready(DEADLINE).await.unwrap();
    let (dead, _port) = dead_pod("dead");
    a.behave(Behaviour::Refuse(upper_half_is_with(&dead, generation.next())));
    let asking = tokio::spawn(ask(clerk.for_key("m")));
    a.received().await;
    a.behave(Behaviour::Answer);
    assert_eq!(asking.await.unwrap().unwrap(), "a");
    assert_eq!(ask(clerk.for_key("m")).await.unwrap(), "a");
}

#[tokio::test]
async fn an_answer_that_another_pod_gave_is_the_answer_and_says_whom_to_ask_next() {
    let (assigner, a, b) = (TestAssigner::start().await, TestPod::start("a"), TestPod::start("b"));
    let generation = assigner.assign(&[("", &[&a.pod])]);
    let clerk = clerk_of(&assigner, patient()).await;
    clerk.ready(DEADLINE).await.unwrap();
    a.behave(Behaviour::SendOn(upper_half_is_with(&b.pod, generation.next())));
    assert_eq!(ask(clerk.for_key("m")).await.unwrap(), "a");
    assert_eq!(ask(clerk.for_key("m")).await.unwrap(), "b");
    let stats = clerk.stats();
    assert_eq!((stats.misrouted, stats.retried), (1, 0));
}
