//! Requests for which there is no pod wait, limited in time and in number.

use std::time::Duration;

use emberkeep_clerk::{ClerkError, ClerkSettings};
use tonic::Code;

use crate::echo_pod::{EchoPod, PodBehaviour};
use crate::{assignment_server, call, clerk_error, connect, patient, ready, waiting};

fn impatient() -> ClerkSettings {
    ClerkSettings {
        retry_wait_max: Duration::from_millis(50),
        ..patient()
    }
}

#[tokio::test]
async fn a_request_for_a_slice_without_an_owner_fails_with_the_slice_when_its_wait_ends() {
    let (assigner, a) = (assignment_server().await, EchoPod::start("a").await);
    assigner.assign(&[("", &[&a.pod]), ("m", &[])]);
    let clerk = ready(&assigner, impatient()).await;
    let status = call(clerk.for_key("m")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.message(), "slice [6d, inf) has no serving owner at generation 1");
    assert_eq!(clerk.owner_of("m"), None);
    assert_eq!(clerk.stats().failed.no_owner, 1);
}

#[tokio::test]
async fn a_request_waits_until_its_slice_has_an_owner() {
    let (assigner, a) = (assignment_server().await, EchoPod::start("a").await);
    assigner.assign(&[("", &[&a.pod]), ("m", &[])]);
    let clerk = ready(&assigner, patient()).await;
    let calling = tokio::spawn(call(clerk.for_key("m")));
    waiting(&clerk, 1).await;
    assigner.assign(&[("", &[&a.pod])]);
    assert_eq!(calling.await.unwrap().unwrap(), "a");
}

#[tokio::test]
async fn a_request_waits_for_the_first_assignment() {
    let (assigner, a) = (assignment_server().await, EchoPod::start("a").await);
    let clerk = connect(&assigner, patient()).await;
    let calling = tokio::spawn(call(clerk.for_key("k")));
    waiting(&clerk, 1).await;
    assigner.assign(&[("", &[&a.pod])]);
    assert_eq!(calling.await.unwrap().unwrap(), "a");
}

#[tokio::test]
async fn without_an_assignment_a_request_waits_for_a_limited_time() {
    let assigner = assignment_server().await;
    let clerk = connect(&assigner, impatient()).await;
    let not_ready = clerk.ready(Duration::from_millis(1)).await.unwrap_err();
    assert!(matches!(not_ready, ClerkError::NoAssignment));
    let status = call(clerk.for_key("k")).await.unwrap_err();
    assert!(matches!(clerk_error(&status), ClerkError::NoAssignment), "{status}");
}

#[tokio::test]
async fn the_number_of_waiting_requests_is_limited() {
    let assigner = assignment_server().await;
    assigner.assign(&[("", &[&EchoPod::start("a").await.pod]), ("m", &[])]);
    let clerk = ready(
        &assigner,
        ClerkSettings {
            waiting_max: 2,
            ..patient()
        },
    )
    .await;
    let calling: Vec<_> = (0..2).map(|_| tokio::spawn(call(clerk.for_key("m")))).collect();
    waiting(&clerk, 2).await;
    let status = call(clerk.for_key("m")).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(
        status
            .message()
            .starts_with("the limit of 2 waiting requests is reached: slice [6d, inf)"),
        "{status}"
    );
    calling.iter().for_each(tokio::task::JoinHandle::abort);
    waiting(&clerk, 0).await;
}

#[tokio::test]
async fn a_request_to_a_pod_that_never_answers_fails_at_its_deadline() {
    let (assigner, a) = (assignment_server().await, EchoPod::start("a").await);
    assigner.assign(&[("", &[&a.pod])]);
    let clerk = ready(&assigner, patient()).await;
    a.behave(PodBehaviour::Hang);
    let deadline = Duration::from_secs(3_600);
    let calling = tokio::spawn(call(clerk.for_key("k").deadline(deadline)));
    a.received().await;
    tokio::time::pause();
    tokio::time::advance(deadline).await;
    let status = calling.await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(status.message(), "no answer within the deadline of 3600s");
    assert_eq!((a.request_count(), clerk.stats().failed.deadline_exceeded), (1, 1));
}
