//! Each request finds the owner of its key, by whatever is known.

use emberkeep_clerk::Clerk;

use crate::assigner::{TARGET, TestAssigner};
use crate::pod::TestPod;
use crate::{DEADLINE, ask, clerk_of, patient, routed_by};

#[tokio::test]
async fn each_key_is_asked_of_its_owner() {
    let (assigner, a, b) = (TestAssigner::start().await, TestPod::start("a"), TestPod::start("b"));
    assigner.assign(&[("", &[&a.pod]), ("m", &[&b.pod])]);
    let clerk = clerk_of(&assigner, patient()).await;
    clerk.ready(DEADLINE).await.unwrap();
    for (key, owner) in [("", "a"), ("lz", "a"), ("m", "b"), ("zebra", "b")] {
        assert_eq!(ask(clerk.for_key(key)).await.unwrap(), owner, "{key}");
        assert_eq!(clerk.owner_of(key).unwrap().name.as_str(), owner, "{key}");
    }
    let stats = clerk.stats();
    assert_eq!((stats.requests, stats.retried, stats.misrouted), (4, 0, 0));
}

#[tokio::test]
async fn requests_follow_a_new_generation() {
    let (assigner, a, b) = (TestAssigner::start().await, TestPod::start("a"), TestPod::start("b"));
    assigner.assign(&[("", &[&a.pod])]);
    let clerk = clerk_of(&assigner, patient()).await;
    clerk.ready(DEADLINE).await.unwrap();
    assert_eq!(ask(clerk.for_key("k")).await.unwrap(), "a");
    let moved = assigner.assign(&[("", &[&b.pod])]);
    routed_by(&clerk, moved).await;
    assert_eq!(ask(clerk.for_key("k")).await.unwrap(), "b");
}

#[tokio::test]
async fn all_replicas_of_a_slice_are_asked() {
    let (assigner, a, b) = (TestAssigner::start().await, TestPod::start("a"), TestPod::start("b"));
    assigner.assign(&[("", &[&a.pod, &b.pod])]);
    let clerk = clerk_of(&assigner, patient()).await;
    clerk.ready(DEADLINE).await.unwrap();
    // With a fair choice each, one of two pods is left out in one of 2^63 runs.
    for _ in 0..64 {
        ask(clerk.for_key("k")).await.unwrap();
    }
    assert!(a.requests() > 0 && b.requests() > 0);
}

#[tokio::test]
async fn before_the_first_assignment_seeds_are_asked_always_the_same_for_a_key() {
    let (a, b) = (TestPod::start("a"), TestPod::start("b"));
    let seeds = [a.pod.address.to_string(), b.pod.address.to_string()];
    let clerk = Clerk::builder(TARGET).seed_pods(seeds).connect().await.unwrap();
    let mut asked = [0, 0];
    for number in 0..64 {
        let key = format!("key-{number}");
        let first = ask(clerk.for_key(&key)).await.unwrap();
        assert_eq!(ask(clerk.for_key(&key)).await.unwrap(), first);
        asked[usize::from(first == "b")] += 1;
    }
    assert!(asked.iter().all(|count| *count > 0), "{asked:?}");
    assert_eq!(clerk.owner_of("key-0"), None);
}

#[tokio::test]
async fn the_first_assignment_takes_over_from_the_seeds() {
    let (assigner, seed, owner) = (
        TestAssigner::start().await,
        TestPod::start("seed"),
        TestPod::start("owner"),
    );
    let builder = Clerk::builder(TARGET).assigner(assigner.address.to_string());
    let clerk = builder
        .seed_pods([seed.pod.address.to_string()])
        .connect()
        .await
        .unwrap();
    assert_eq!(ask(clerk.for_key("k")).await.unwrap(), "seed");
    assigner.assign(&[("", &[&owner.pod])]);
    clerk.ready(DEADLINE).await.unwrap();
    assert_eq!(ask(clerk.for_key("k")).await.unwrap(), "owner");
}

#[tokio::test]
async fn a_clerk_that_could_ask_nobody_is_not_made() {
    let refused = |builder: emberkeep_clerk::ClerkBuilder| async { builder.connect().await.unwrap_err().to_string() };
    let nobody = refused(Clerk::builder(TARGET)).await;
    assert_eq!(
        nobody,
        "a clerk needs at least one address of an assigner, a slicelet or a seed pod"
    );
    let target = refused(Clerk::builder("No Name").assigner("127.0.0.1:1")).await;
    assert!(target.starts_with("target \"No Name\" is not allowed"), "{target}");
    let source = refused(Clerk::builder(TARGET).assigner("nowhere")).await;
    assert!(source.starts_with("address \"nowhere\" is invalid"), "{source}");
    let seed = refused(Clerk::builder(TARGET).seed_pods(["nowhere"])).await;
    assert!(seed.starts_with("address \"nowhere\" is not allowed"), "{seed}");
}
