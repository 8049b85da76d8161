//! Forwarding: gRPC clients without a clerk call pods whose assignments differ.

use std::time::Duration;

use emberkeep_core::target::MisrouteMode;
use emberkeep_proto::convert::NotOwner;
use emberkeep_runtime::grpc_timeout;
use emberkeep_slicelet::Slicelet;
use emberkeep_testkit::assignment::{all_by, generation, halves};
use emberkeep_testkit::deadline::{DEADLINE, soon};
use emberkeep_testkit::metrics::metric_value;
use futures::StreamExt;
use tonic::{Code, Request, Status};

use crate::keyed_pod::KeyedPod;
use crate::slicelet_fixture::other_pod;

/// Two pods; both have the assignment in which the second owns all keys.
async fn first_and_owner(mode: MisrouteMode) -> (KeyedPod, KeyedPod) {
    let (first, owner) = (
        KeyedPod::start("first", mode).await,
        KeyedPod::start("owner", mode).await,
    );
    for pod in [&first, &owner] {
        pod.apply(&all_by(owner.slicelet.pod())).await;
    }
    (first, owner)
}

fn not_owner(status: &Status) -> NotOwner {
    NotOwner::from_status(status).expect("the status carries the owner")
}

/// The number of requests with this outcome.
fn forwards(slicelet: &Slicelet, outcome: &str) -> f64 {
    metric_value(slicelet.registry(), "emberkeep_slicelet_forwards_total", Some(outcome))
}

#[tokio::test]
async fn a_misrouted_request_is_redirected_or_forwarded_to_the_owner() {
    let (first, owner) = first_and_owner(MisrouteMode::Redirect).await;
    let status = first.client().unary("a:").await.unwrap_err();
    assert_eq!(not_owner(&status).owner.as_ref(), Some(owner.slicelet.pod()));

    let (first, owner) = first_and_owner(MisrouteMode::Forward).await;
    let answer = first.client().unary("a:").await.unwrap();
    let hint = NotOwner::from_headers(answer.metadata().as_ref()).expect("the answer names the owner");
    assert_eq!(
        (hint.generation, hint.owner),
        (generation(1), Some(owner.slicelet.pod().clone()))
    );
    assert_eq!(answer.into_inner(), "owner");
    assert_eq!(forwards(&first.slicelet, "answered"), 1.0);
    let answer = owner.client().unary("a:").await.unwrap();
    assert!(NotOwner::from_headers(answer.metadata().as_ref()).is_none());
}

#[tokio::test]
async fn the_owners_streams_and_errors_are_passed_through() {
    let (first, _owner) = first_and_owner(MisrouteMode::Forward).await;
    let status = first.client().unary("a:missing").await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::NotFound, "there is no a"));
    let answers = first.client().server_streaming("a:").await.unwrap().into_inner();
    let answers: Vec<_> = soon(answers.collect()).await;
    let texts: Vec<_> = answers.iter().filter_map(|answer| answer.as_deref().ok()).collect();
    assert_eq!(texts, ["owner 0", "owner 1", "owner 2"]);
    let last = answers.last().unwrap().as_ref().unwrap_err();
    assert_eq!(
        (last.code(), last.message()),
        (Code::Aborted, "that is all"),
        "the status is in the trailers"
    );
}

#[tokio::test]
async fn a_forwarding_loop_ends_after_two_hops() {
    let mode = MisrouteMode::Forward;
    let (one, other) = (KeyedPod::start("one", mode).await, KeyedPod::start("other", mode).await);
    one.apply(&all_by(other.slicelet.pod())).await;
    other.apply(&all_by(one.slicelet.pod())).await;
    let status = one.client().unary("a:").await.unwrap_err();
    assert_eq!(not_owner(&status).owner.as_ref(), Some(other.slicelet.pod()));
    let reason = "; not forwarded: it has been forwarded 2 times already";
    assert!(status.message().ends_with(reason), "{status}");
    let misroute_counts = [&one, &other].map(|pod| pod.slicelet.stats().misroute_count);
    assert_eq!(misroute_counts, [2, 1]);
    assert_eq!(forwards(&one.slicelet, "hop_limit"), 1.0);
}

#[tokio::test]
async fn of_two_rejections_the_one_of_the_newer_generation_is_returned() {
    let mode = MisrouteMode::Forward;
    let (ahead, behind) = (
        KeyedPod::start("ahead", mode).await,
        KeyedPod::start("behind", mode).await,
    );
    let older = all_by(&other_pod());
    behind.apply(&older).await;
    let newer = halves(&older, behind.slicelet.pod(), behind.slicelet.pod());
    ahead.apply(&newer).await;
    let status = ahead.client().unary("a:").await.unwrap_err();
    assert_eq!(not_owner(&status).generation, newer.generation());
}

#[tokio::test]
async fn an_unreachable_owner_is_returned_with_the_reason() {
    let first = KeyedPod::start("first", MisrouteMode::Forward).await;
    first.apply(&all_by(&other_pod())).await;
    let status = first.client().unary("a:").await.unwrap_err();
    assert_eq!(not_owner(&status).owner, Some(other_pod()));
    let reason = "; not forwarded: the owner is unreachable: ";
    assert!(status.message().contains(reason), "{status}");
    assert_eq!(forwards(&first.slicelet, "unreachable"), 1.0);
}

#[tokio::test]
async fn the_owner_gets_the_remaining_time_and_its_request_is_dropped_at_the_deadline() {
    let (first, owner) = first_and_owner(MisrouteMode::Forward).await;
    let mut request = Request::new("a:timeout".to_owned());
    request.set_timeout(DEADLINE);
    let left = first.client().send(request).await.unwrap().into_inner();
    let headers = [(
        http::header::HeaderName::from_static("grpc-timeout"),
        left.parse().unwrap(),
    )];
    let left = grpc_timeout::of_headers(&headers.into_iter().collect()).unwrap();
    assert!(left > Duration::ZERO && left < DEADLINE, "{left:?}");

    // On a slow machine a request may miss its deadline before it reaches the owner: the next attempt has a longer one.
    let mut timeout = Duration::from_millis(300);
    while !owner.has_hung() {
        let mut request = Request::new("a:hang".to_owned());
        request.set_timeout(timeout);
        let status = first.client().send(request).await.unwrap_err();
        assert!(
            matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled),
            "{status}"
        );
        timeout *= 2;
    }
    owner.request_dropped().await;
}

#[tokio::test]
async fn a_request_whose_owner_dies_while_processing_it_is_not_retryable() {
    let (first, mut owner) = first_and_owner(MisrouteMode::Forward).await;
    let mut client = first.client();
    let asking = tokio::spawn(async move { client.unary("a:hang").await });
    owner.request_hangs().await;
    owner.kill();
    let status = soon(asking).await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(
        NotOwner::from_status(&status).is_none(),
        "only a request that was not processed may be retried"
    );
    assert!(status.message().contains("may have been processed"), "{status}");
}

#[tokio::test]
async fn a_request_that_is_too_large_or_streamed_is_not_forwarded() {
    let (first, _owner) = first_and_owner(MisrouteMode::Forward).await;
    let large = format!("a:{}", "x".repeat(4 << 20));
    let status = first.client().unary(&large).await.unwrap_err();
    not_owner(&status);
    let reason = "; not forwarded: its body exceeds the limit of 4194304 bytes";
    assert!(status.message().ends_with(reason), "{status}");

    let status = first.client().client_streaming("a:").await.unwrap_err();
    not_owner(&status);
    let reason = "; not forwarded: it was rejected before its whole body had arrived";
    assert!(status.message().ends_with(reason), "{status}");
    assert_eq!(
        (
            forwards(&first.slicelet, "too_large"),
            forwards(&first.slicelet, "streaming")
        ),
        (1.0, 1.0)
    );
}
