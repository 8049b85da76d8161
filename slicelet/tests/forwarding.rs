//! Plain gRPC clients, which know nothing of owners, ask pods of which each has its own idea of who owns what.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic, as tests may")]

#[allow(dead_code, reason = "other tests use more of it")]
mod scripted;

mod keyed;

use std::time::Duration;

use emberkeep_core::target::MisrouteMode;
use emberkeep_proto::convert::NotOwner;
use emberkeep_runtime::grpc_timeout;
use emberkeep_slicelet::Slicelet;
use futures::StreamExt;
use keyed::KeyedPod;
use scripted::{all_by, generation, other_pod, soon};
use tonic::{Code, Request, Status};

/// Two pods, of which the second owns all keys, and both know it.
async fn first_and_owner(mode: MisrouteMode) -> (KeyedPod, KeyedPod) {
    let (first, owner) = (
        KeyedPod::start("first", mode).await,
        KeyedPod::start("owner", mode).await,
    );
    for pod in [&first, &owner] {
        pod.told(&all_by(owner.slicelet.pod())).await;
    }
    (first, owner)
}

fn not_owner(status: &Status) -> NotOwner {
    NotOwner::from_status(status).expect("the status carries the owner")
}

/// How many requests came to this.
fn forwards(slicelet: &Slicelet, outcome: &str) -> f64 {
    let families = slicelet.registry().gather();
    let forwards = families
        .iter()
        .find(|family| family.name() == "emberkeep_slicelet_forwards_total");
    let is_it = |metric: &&prometheus::proto::Metric| metric.get_label().iter().any(|label| label.value() == outcome);
    let metric = forwards.unwrap().get_metric().iter().find(is_it).unwrap();
    metric.get_counter().get_value()
}

#[tokio::test]
async fn a_client_of_the_wrong_pod_is_told_the_owner_or_gets_the_owners_answer() {
    let (first, owner) = first_and_owner(MisrouteMode::Redirect).await;
    let status = soon(first.client().ask("a:")).await.unwrap_err();
    assert_eq!(not_owner(&status).owner.as_ref(), Some(owner.slicelet.pod()));

    let (first, owner) = first_and_owner(MisrouteMode::Forward).await;
    let answer = soon(first.client().ask("a:")).await.unwrap();
    let noted = NotOwner::from_headers(answer.metadata().as_ref()).expect("a clerk can learn from it");
    assert_eq!(
        (noted.generation, noted.owner),
        (generation(1), Some(owner.slicelet.pod().clone()))
    );
    assert_eq!(answer.into_inner(), "owner");
    assert_eq!(forwards(&first.slicelet, "answered"), 1.0);
    let answer = soon(owner.client().ask("a:")).await.unwrap();
    assert!(NotOwner::from_headers(answer.metadata().as_ref()).is_none());
}

#[tokio::test]
async fn what_the_owner_answers_comes_through_be_it_a_stream_or_an_error() {
    let (first, _owner) = first_and_owner(MisrouteMode::Forward).await;
    let status = soon(first.client().ask("a:missing")).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::NotFound, "there is no a"));
    let answers = soon(first.client().list("a:")).await.unwrap().into_inner();
    let answers: Vec<_> = soon(answers.collect()).await;
    let texts: Vec<_> = answers.iter().filter_map(|answer| answer.as_deref().ok()).collect();
    assert_eq!(texts, ["owner 0", "owner 1", "owner 2"]);
    let last = answers.last().unwrap().as_ref().unwrap_err();
    assert_eq!(
        (last.code(), last.message()),
        (Code::Aborted, "that is all"),
        "in the trailers"
    );
}

#[tokio::test]
async fn pods_that_take_each_other_for_the_owner_pass_a_request_on_twice() {
    let mode = MisrouteMode::Forward;
    let (one, other) = (KeyedPod::start("one", mode).await, KeyedPod::start("other", mode).await);
    one.told(&all_by(other.slicelet.pod())).await;
    other.told(&all_by(one.slicelet.pod())).await;
    let status = soon(one.client().ask("a:")).await.unwrap_err();
    assert_eq!(not_owner(&status).owner.as_ref(), Some(other.slicelet.pod()));
    let reason = "; not forwarded: it has been forwarded 2 times already";
    assert!(status.message().ends_with(reason), "{status}");
    let misroute_counts = [&one, &other].map(|pod| pod.slicelet.stats().misroute_count);
    assert_eq!(misroute_counts, [2, 1]);
    assert_eq!(forwards(&one.slicelet, "hop_limit"), 1.0);
}

#[tokio::test]
async fn of_two_pods_that_both_refuse_the_one_that_knows_more_is_believed() {
    let mode = MisrouteMode::Forward;
    let (ahead, behind) = (
        KeyedPod::start("ahead", mode).await,
        KeyedPod::start("behind", mode).await,
    );
    let older = all_by(&other_pod());
    behind.told(&older).await;
    let newer = scripted::halves(&older, behind.slicelet.pod(), behind.slicelet.pod());
    ahead.told(&newer).await;
    let status = soon(ahead.client().ask("a:")).await.unwrap_err();
    assert_eq!(not_owner(&status).generation, newer.generation());
}

#[tokio::test]
async fn an_owner_that_cannot_be_reached_is_named_and_the_reason_with_it() {
    let first = KeyedPod::start("first", MisrouteMode::Forward).await;
    // Nobody listens at its port.
    first.told(&all_by(&other_pod())).await;
    let status = soon(first.client().ask("a:")).await.unwrap_err();
    assert_eq!(not_owner(&status).owner, Some(other_pod()));
    let reason = "; not forwarded: the owner is unreachable: ";
    assert!(status.message().contains(reason), "{status}");
    assert_eq!(forwards(&first.slicelet, "unreachable"), 1.0);
}

#[tokio::test]
async fn the_owner_gets_what_is_left_of_the_time_and_no_longer_works_when_it_is_over() {
    let (first, owner) = first_and_owner(MisrouteMode::Forward).await;
    let mut request = Request::new("a:timeout".to_owned());
    request.set_timeout(Duration::from_secs(10));
    let left = soon(first.client().send(request)).await.unwrap().into_inner();
    let headers = [(
        http::header::HeaderName::from_static("grpc-timeout"),
        left.parse().unwrap(),
    )];
    let left = grpc_timeout::of_headers(&headers.into_iter().collect()).unwrap();
    assert!(left > Duration::ZERO && left < Duration::from_secs(10), "{left:?}");

    let mut request = Request::new("a:hang".to_owned());
    request.set_timeout(Duration::from_millis(300));
    let status = soon(first.client().send(request)).await.unwrap_err();
    assert!(
        matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled),
        "{status}"
    );
    soon(owner.given_up()).await;
}

#[tokio::test]
async fn an_owner_that_dies_with_the_request_leaves_it_in_doubt() {
    let (first, mut owner) = first_and_owner(MisrouteMode::Forward).await;
    let mut client = first.client();
    let asking = tokio::spawn(async move { client.ask("a:hang").await });
    soon(owner.begun()).await;
    owner.kill();
    let status = soon(asking).await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(
        NotOwner::from_status(&status).is_none(),
        "nobody may take it for untouched"
    );
    assert!(status.message().contains("may have been processed"), "{status}");
}

#[tokio::test]
async fn a_request_that_is_too_large_or_streamed_is_refused_and_says_so() {
    let (first, _owner) = first_and_owner(MisrouteMode::Forward).await;
    let large = format!("a:{}", "x".repeat(4 << 20));
    let status = soon(first.client().ask(&large)).await.unwrap_err();
    not_owner(&status);
    let reason = "; not forwarded: its body exceeds the limit of 4194304 bytes";
    assert!(status.message().ends_with(reason), "{status}");

    let status = soon(first.client().gather("a:")).await.unwrap_err();
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
