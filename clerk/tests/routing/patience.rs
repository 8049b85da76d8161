//! Requests for which there is no pod wait, bounded in time and in number.

use std::time::Duration;

use emberkeep_clerk::{ClerkError, ClerkSettings};
use tonic::Code;

use crate::assigner::TestAssigner;
use crate::pod::{Behaviour, TestPod};
use crate::{DEADLINE, ask, clerk_error, clerk_of, patient, waiting};

fn hasty() -> ClerkSettings {
    ClerkSettings {
        retry_wait_max: Duration::from_millis(50),
        ..patient()
    }
}

#[tokio::test]
async fn a_slice_without_an_owner_is_named_when_patience_is_over() {
    let (assigner, a) = (TestAssigner::start().await, TestPod::start("a"));
    assigner.assign(&[("", &[&a.pod]), ("m", &[])]);
    let clerk = clerk_of(&assigner, hasty()).await;
    clerk.ready(DEADLINE).await.unwrap();
    let status = ask(clerk.for_key("m")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.message(), "slice [6d, inf) has no serving owner at generation 1");
    assert_eq!(clerk.owner_of("m"), None);
    assert_eq!(clerk.stats().failed.no_owner, 1);
}

#[tokio::test]
async fn a_request_waits_until_its_slice_has_an_owner() {
    let (assigner, a) = (TestAssigner::start().await, TestPod::start("a"));
    assigner.assign(&[("", &[&a.pod]), ("m", &[])]);
    let clerk = clerk_of(&assigner, patient()).await;
    clerk.ready(DEADLINE).await.unwrap();
    let asking = tokio::spawn(ask(clerk.for_key("m")));
    waiting(&clerk, 1).await;
    assigner.assign(&[("", &[&a.pod])]);
    assert_eq!(asking.await.unwrap().unwrap(), "a");
}

#[tokio::test]
async fn a_request_waits_for_the_first_assignment() {
    let (assigner, a) = (TestAssigner::start().await, TestPod::start("a"));
    let clerk = clerk_of(&assigner, patient()).await;
    let asking = tokio::spawn(ask(clerk.for_key("k")));
    waiting(&clerk, 1).await;
    assigner.assign(&[("", &[&a.pod])]);
    assert_eq!(asking.await.unwrap().unwrap(), "a");
}

#[tokio::test]
async fn without_an_assignment_nobody_is_kept_waiting_for_ever() {
    let assigner = TestAssigner::start().await;
    let clerk = clerk_of(&assigner, hasty()).await;
    let not_ready = clerk.ready(Duration::from_millis(1)).await.unwrap_err();
    assert!(matches!(not_ready, ClerkError::NoAssignment));
    let status = ask(clerk.for_key("k")).await.unwrap_err();
    assert!(matches!(clerk_error(&status), ClerkError::NoAssignment), "{status}");
}

#[tokio::test]
async fn only_so_many_requests_wait() {
    let assigner = TestAssigner::start().await;
    assigner.assign(&[("", &[&TestPod::start("a").pod]), ("m", &[])]);
    let clerk = clerk_of(
        &assigner,
        ClerkSettings {
            waiting_max: 2,
            ..patient()
        },
    )
    .await;
    clerk.ready(DEADLINE).await.unwrap();
    let asking: Vec<_> = (0..2).map(|_| tokio::spawn(ask(clerk.for_key("m")))).collect();
    waiting(&clerk, 2).await;
    let status = ask(clerk.for_key("m")).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(
        status
            .message()
            .starts_with("the limit of 2 waiting requests is reached: slice [6d, inf)"),
        "{status}"
    );
    asking.iter().for_each(tokio::task::JoinHandle::abort);
    waiting(&clerk, 0).await;
}

#[tokio::test]
async fn a_pod_that_never_answers_costs_no_more_than_the_deadline() {
    let (assigner, a) = (TestAssigner::start().await, TestPod::start("a"));
    assigner.assign(&[("", &[&a.pod])]);
    let clerk = clerk_of(&assigner, patient()).await;
    clerk.ready(DEADLINE).await.unwrap();
    a.behave(Behaviour::Hang);
    let status = ask(clerk.for_key("k").deadline(Duration::from_millis(30)))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(status.message(), "no answer within the deadline of 30ms");
    assert_eq!((a.requests(), clerk.stats().failed.deadline_exceeded), (1, 1));
}
