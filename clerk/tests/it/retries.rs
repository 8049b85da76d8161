//! Retries: a request that was not processed is retried; one that may have been is not, unless it is idempotent.

use emberkeep_clerk::{ClerkError, ClerkSettings};
use emberkeep_core::assignment::Generation;
use emberkeep_core::clerk::RetryBudgetSettings;
use emberkeep_core::keyspace::Slice;
use emberkeep_proto::convert::NotOwner;
use tonic::Code;

use crate::echo_pod::{EchoPod, PodBehaviour, dead_pod};
use crate::{assignment_server, call, call_with, clerk_error, patient, ready, two_pods, waiting};

fn not_owner(owner: &EchoPod, generation: Generation) -> PodBehaviour {
    PodBehaviour::Reject(NotOwner {
        generation,
        slice: Slice::FULL,
        owner: Some(owner.pod.clone()),
    })
}

#[tokio::test]
async fn a_rejection_leads_to_the_new_owner() {
    let (assigner, a, b) = two_pods().await;
    let generation = assigner.assign(&[("", &[&a.pod])]);
    let clerk = ready(&assigner, patient()).await;
    a.behave(not_owner(&b, generation.next()));
    for _ in 0..2 {
        assert_eq!(call(clerk.for_key("k")).await.unwrap(), "b");
    }
    assert_eq!(
        (a.request_count(), b.request_count()),
        (1, 2),
        "the second request goes to the new owner at once"
    );
    let stats = clerk.stats();
    assert_eq!((stats.requests, stats.retried, stats.misrouted), (2, 1, 1));
}

#[tokio::test]
async fn a_new_owner_that_still_has_the_old_assignment_is_called_again() {
    let (assigner, a, b) = two_pods().await;
    assigner.assign(&[("", &[&b.pod])]);
    let clerk = ready(&assigner, patient()).await;
    b.behave(not_owner(&a, Generation::NONE));
    let calling = tokio::spawn(call(clerk.for_key("k")));
    b.received().await;
    b.behave(PodBehaviour::Answer);
    assert_eq!(calling.await.unwrap().unwrap(), "b");
    assert_eq!(a.request_count(), 0);
}

#[tokio::test]
async fn without_a_retry_budget_the_first_rejection_is_returned() {
    let (assigner, a, b) = two_pods().await;
    let generation = assigner.assign(&[("", &[&a.pod])]);
    let retries = RetryBudgetSettings {
        per_thousand: 0,
        floor_per_second: 0,
        saved_max: 0,
    };
    let clerk = ready(&assigner, ClerkSettings { retries, ..patient() }).await;
    a.behave(not_owner(&b, generation.next()));
    let status = call(clerk.for_key("k")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(NotOwner::from_status(&status).is_some(), "{status}");
    assert_eq!(b.request_count(), 0);
}

#[tokio::test]
async fn an_idempotent_request_survives_the_death_of_the_owner() {
    let (assigner, mut a, b) = (
        assignment_server().await,
        EchoPod::start("a").await,
        EchoPod::start("b").await,
    );
    assigner.assign(&[("", &[&a.pod])]);
    let clerk = ready(&assigner, patient()).await;
    a.behave(PodBehaviour::Hang);
    let calling = tokio::spawn(call(clerk.for_key("k").idempotent()));
    a.received().await;
    a.kill();
    assigner.assign(&[("", &[&b.pod])]);
    assert_eq!(calling.await.unwrap().unwrap(), "b");
    assert_eq!((a.request_count(), b.request_count()), (1, 1));
}

#[tokio::test]
async fn an_idempotent_request_is_taken_from_a_pod_that_has_lost_all_its_keys() {
    let (assigner, a, b) = two_pods().await;
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
    let clerk = ready(&assigner, settings).await;
    a.behave(PodBehaviour::Hang);
    let calling = tokio::spawn(call(clerk.for_key("k").idempotent()));
    a.received().await;
    let other = tokio::spawn(call(clerk.for_key("k")));
    a.received().await;
    assigner.assign(&[("", &[&b.pod])]);
    assert_eq!(calling.await.unwrap().unwrap(), "b");
    assert!(!other.is_finished(), "the other request may have taken effect");
    assert_eq!((a.request_count(), b.request_count()), (2, 1));
}

#[tokio::test]
async fn a_request_that_may_have_taken_effect_is_not_retried() {
    let (assigner, mut a, b) = (
        assignment_server().await,
        EchoPod::start("a").await,
        EchoPod::start("b").await,
    );
    assigner.assign(&[("", &[&a.pod, &b.pod])]);
    let clerk = ready(&assigner, patient()).await;
    a.behave(PodBehaviour::Hang);
    let mut calling = tokio::spawn(call(clerk.for_key("k")));
    // Until a request is routed to the replica that is about to be killed.
    while a.request_count() == 0 {
        tokio::select! {
            () = a.received() => break,
            answer = &mut calling => assert_eq!(answer.unwrap().unwrap(), "b"),
        }
        calling = tokio::spawn(call(clerk.for_key("k")));
    }
    let answered = b.request_count();
    a.kill();
    let status = calling.await.unwrap().unwrap_err();
    assert!(matches!(clerk_error(&status), ClerkError::Broken { .. }), "{status}");
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(b.request_count(), answered);
    assert_eq!(clerk.stats().failed.broken, 1);
}

#[tokio::test]
async fn a_request_that_reached_no_pod_waits_for_the_next_owner() {
    let (assigner, b) = (assignment_server().await, EchoPod::start("b").await);
    let (a, _port) = dead_pod("a");
    assigner.assign(&[("", &[&a])]);
    let clerk = ready(&assigner, patient()).await;
    let calling = tokio::spawn(call(clerk.for_key("k")));
    waiting(&clerk, 1).await;
    assigner.assign(&[("", &[&b.pod])]);
    assert_eq!(calling.await.unwrap().unwrap(), "b");
    assert_eq!(clerk.stats().waiting, 0);
}

#[tokio::test]
async fn a_request_that_reached_no_pod_is_retried_on_another_replica_at_once() {
    let (assigner, b) = (assignment_server().await, EchoPod::start("b").await);
    let (a, _port) = dead_pod("a");
    assigner.assign(&[("", &[&a, &b.pod])]);
    let clerk = ready(
        &assigner,
        ClerkSettings {
            waiting_max: 0,
            ..patient()
        },
    )
    .await;
    for _ in 0..64 {
        assert_eq!(call(clerk.for_key("k")).await.unwrap(), "b");
    }
    assert!(clerk.stats().retried > 0);
}

#[tokio::test]
async fn a_body_over_the_limit_is_rejected_unless_it_is_streamed() {
    let (assigner, a) = (assignment_server().await, EchoPod::start("a").await);
    assigner.assign(&[("", &[&a.pod])]);
    let clerk = ready(
        &assigner,
        ClerkSettings {
            body_size_max: 1_000,
            ..patient()
        },
    )
    .await;
    let large = "x".repeat(1_001);
    let status = call_with(clerk.for_key("k"), large.clone()).await.unwrap_err();
    assert!(
        matches!(clerk_error(&status), ClerkError::BodyTooLarge { limit: 1_000 }),
        "{status}"
    );
    assert_eq!((a.request_count(), clerk.stats().failed.refused), (0, 1));
    assert_eq!(call_with(clerk.for_key("k").streaming(), large).await.unwrap(), "a");
}
