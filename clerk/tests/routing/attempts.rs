//! What was surely not processed is tried again; what may have been is not, unless the caller allows it.

use emberkeep_clerk::{ClerkError, ClerkSettings};
use emberkeep_core::assignment::Generation;
use emberkeep_core::clerk::RetryBudgetSettings;
use emberkeep_core::keyspace::Slice;
use emberkeep_proto::convert::NotOwner;
use tonic::Code;

use crate::assigner::TestAssigner;
use crate::pod::{Behaviour, TestPod, dead_pod};
use crate::{DEADLINE, ask, ask_with, clerk_error, clerk_of, patient, waiting};

fn not_owner(owner: &TestPod, generation: Generation) -> Behaviour {
    Behaviour::Refuse(NotOwner {
        generation,
        slice: Slice::FULL,
        owner: Some(owner.pod.clone()),
    })
}

#[tokio::test]
async fn a_pod_that_is_no_longer_the_owner_leads_to_the_one_that_is() {
    let (assigner, a, b) = (TestAssigner::start().await, TestPod::start("a"), TestPod::start("b"));
    let generation = assigner.assign(&[("", &[&a.pod])]);
    let clerk = clerk_of(&assigner, patient()).await;
    clerk.ready(DEADLINE).await.unwrap();
    a.behave(not_owner(&b, generation.next()));
    for _ in 0..2 {
        assert_eq!(ask(clerk.for_key("k")).await.unwrap(), "b");
    }
    assert_eq!((a.requests(), b.requests()), (1, 2), "what a pod says is told once");
    let stats = clerk.stats();
    assert_eq!((stats.requests, stats.retried, stats.misrouted), (2, 1, 1));
}

#[tokio::test]
async fn a_new_owner_that_has_not_heard_of_it_yet_is_asked_again() {
    let (assigner, a, b) = (TestAssigner::start().await, TestPod::start("a"), TestPod::start("b"));
    assigner.assign(&[("", &[&b.pod])]);
    let clerk = clerk_of(&assigner, patient()).await;
    clerk.ready(DEADLINE).await.unwrap();
    b.behave(not_owner(&a, Generation::NONE));
    let asking = tokio::spawn(ask(clerk.for_key("k")));
    b.received().await;
    b.behave(Behaviour::Answer);
    assert_eq!(asking.await.unwrap().unwrap(), "b");
    assert_eq!(a.requests(), 0);
}

#[tokio::test]
async fn without_budget_the_first_answer_is_the_last() {
    let (assigner, a, b) = (TestAssigner::start().await, TestPod::start("a"), TestPod::start("b"));
    let generation = assigner.assign(&[("", &[&a.pod])]);
    let retries = RetryBudgetSettings {
        per_thousand: 0,
        floor_per_second: 0,
        saved_max: 0,
    };
    let clerk = clerk_of(&assigner, ClerkSettings { retries, ..patient() }).await;
    clerk.ready(DEADLINE).await.unwrap();
    a.behave(not_owner(&b, generation.next()));
    let status = ask(clerk.for_key("k")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(NotOwner::from_status(&status).is_some(), "{status}");
    assert_eq!(b.requests(), 0);
}

#[tokio::test]
async fn an_idempotent_request_survives_the_death_of_the_owner() {
    let (assigner, mut a, b) = (TestAssigner::start().await, TestPod::start("a"), TestPod::start("b"));
    assigner.assign(&[("", &[&a.pod])]);
    let clerk = clerk_of(&assigner, patient()).await;
    clerk.ready(DEADLINE).await.unwrap();
    a.behave(Behaviour::Hang);
    let asking = tokio::spawn(ask(clerk.for_key("k").idempotent()));
    a.received().await;
    a.kill();
    assigner.assign(&[("", &[&b.pod])]);
    assert_eq!(asking.await.unwrap().unwrap(), "b");
    assert_eq!((a.requests(), b.requests()), (1, 1));
}

#[tokio::test]
async fn an_idempotent_request_waits_for_no_pod_that_has_lost_all_its_keys() {
    let (assigner, a, b) = (TestAssigner::start().await, TestPod::start("a"), TestPod::start("b"));
    assigner.assign(&[("", &[&a.pod])]);
    let no_budget = RetryBudgetSettings {
        per_thousand: 0,
        floor_per_second: 0,
        saved_max: 0,
    };
    let settings = ClerkSettings {
        retries: no_budget,
        ..patient()
    };
    let clerk = clerk_of(&assigner, settings).await;
    clerk.ready(DEADLINE).await.unwrap();
    a.behave(Behaviour::Hang);
    let asking = tokio::spawn(ask(clerk.for_key("k").idempotent()));
    a.received().await;
    let other = tokio::spawn(ask(clerk.for_key("k")));
    a.received().await;
    assigner.assign(&[("", &[&b.pod])]);
    assert_eq!(asking.await.unwrap().unwrap(), "b");
    assert!(!other.is_finished(), "it may have had an effect");
    assert_eq!((a.requests(), b.requests()), (2, 1));
}

#[tokio::test]
async fn a_request_that_may_have_had_an_effect_is_not_repeated() {
    let (assigner, mut a, b) = (TestAssigner::start().await, TestPod::start("a"), TestPod::start("b"));
    assigner.assign(&[("", &[&a.pod, &b.pod])]);
    let clerk = clerk_of(&assigner, patient()).await;
    clerk.ready(DEADLINE).await.unwrap();
    a.behave(Behaviour::Hang);
    let mut asking = tokio::spawn(ask(clerk.for_key("k")));
    // Until the choice falls on the pod that is about to die.
    while a.requests() == 0 {
        tokio::select! {
            () = a.received() => break,
            answer = &mut asking => assert_eq!(answer.unwrap().unwrap(), "b"),
        }
        asking = tokio::spawn(ask(clerk.for_key("k")));
    }
    let answered = b.requests();
    a.kill();
    let status = asking.await.unwrap().unwrap_err();
    assert!(matches!(clerk_error(&status), ClerkError::Broken { .. }), "{status}");
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(b.requests(), answered);
    assert_eq!(clerk.stats().failed.broken, 1);
}

#[tokio::test]
async fn a_request_that_reached_no_pod_waits_for_the_next_owner() {
    let (assigner, b) = (TestAssigner::start().await, TestPod::start("b"));
    let (a, _port) = dead_pod("a");
    assigner.assign(&[("", &[&a])]);
    let clerk = clerk_of(&assigner, patient()).await;
    clerk.ready(DEADLINE).await.unwrap();
    let asking = tokio::spawn(ask(clerk.for_key("k")));
    waiting(&clerk, 1).await;
    assigner.assign(&[("", &[&b.pod])]);
    assert_eq!(asking.await.unwrap().unwrap(), "b");
    assert_eq!(clerk.stats().waiting, 0);
}

#[tokio::test]
async fn a_request_that_reached_no_pod_goes_to_another_replica_at_once() {
    let (assigner, b) = (TestAssigner::start().await, TestPod::start("b"));
    let (a, _port) = dead_pod("a");
    assigner.assign(&[("", &[&a, &b.pod])]);
    let clerk = clerk_of(
        &assigner,
        ClerkSettings {
            waiting_max: 0,
            ..patient()
        },
    )
    .await;
    clerk.ready(DEADLINE).await.unwrap();
    for _ in 0..64 {
        assert_eq!(ask(clerk.for_key("k")).await.unwrap(), "b");
    }
    assert!(clerk.stats().retried > 0);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_unless_it_is_streamed() {
    let (assigner, a) = (TestAssigner::start().await, TestPod::start("a"));
    assigner.assign(&[("", &[&a.pod])]);
    let clerk = clerk_of(
        &assigner,
        ClerkSettings {
            body_size_max: 1_000,
            ..patient()
        },
    )
    .await;
    clerk.ready(DEADLINE).await.unwrap();
    let large = "x".repeat(1_001);
    let status = ask_with(clerk.for_key("k"), large.clone()).await.unwrap_err();
    assert!(
        matches!(clerk_error(&status), ClerkError::BodyTooLarge { limit: 1_000 }),
        "{status}"
    );
    assert_eq!((a.requests(), clerk.stats().failed.refused), (0, 1));
    assert_eq!(ask_with(clerk.for_key("k").streaming(), large).await.unwrap(), "a");
}
