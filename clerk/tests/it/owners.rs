//! Each request is routed to the owner of its key, by assignment or by seeds.

use emberkeep_clerk::Clerk;

use crate::echo_pod::EchoPod;
use crate::{DEADLINE, TARGET, assignment_server, call, patient, ready, routed_by, two_pods};

#[tokio::test]
async fn each_key_is_routed_to_its_owner() {
    let (assigner, a, b) = two_pods().await;
    assigner.assign(&[("", &[&a.pod]), ("m", &[&b.pod])]);
    let clerk = ready(&assigner, patient()).await;
    for (key, owner) in [("", "a"), ("lz", "a"), ("m", "b"), ("zebra", "b")] {
        assert_eq!(call(clerk.for_key(key)).await.unwrap(), owner, "{key}");
        assert_eq!(clerk.owner_of(key).unwrap().name.as_str(), owner, "{key}");
    }
    let stats = clerk.stats();
    assert_eq!((stats.requests, stats.retried, stats.misrouted), (4, 0, 0));
}

#[tokio::test]
async fn requests_follow_a_new_generation() {
    let (assigner, a, b) = two_pods().await;
    assigner.assign(&[("", &[&a.pod])]);
    let clerk = ready(&assigner, patient()).await;
    assert_eq!(call(clerk.for_key("k")).await.unwrap(), "a");
    let moved = assigner.assign(&[("", &[&b.pod])]);
    routed_by(&clerk, moved).await;
    assert_eq!(call(clerk.for_key("k")).await.unwrap(), "b");
}

#[tokio::test]
async fn requests_are_spread_over_all_replicas_of_a_slice() {
    let (assigner, a, b) = two_pods().await;
    assigner.assign(&[("", &[&a.pod, &b.pod])]);
    let clerk = ready(&assigner, patient()).await;
    // With a fair choice each, one of two pods is left out in one of 2^63 runs.
    for _ in 0..64 {
        call(clerk.for_key("k")).await.unwrap();
    }
    assert!(a.request_count() > 0 && b.request_count() > 0);
}

#[tokio::test]
async fn before_the_first_assignment_a_key_is_always_routed_to_the_same_seed() {
    let (a, b) = (EchoPod::start("a").await, EchoPod::start("b").await);
    let seeds = [a.pod.address.to_string(), b.pod.address.to_string()];
    let clerk = Clerk::builder(TARGET).seed_pods(seeds).connect().await.unwrap();
    let mut counts = [0, 0];
    for number in 0..64 {
        let key = format!("key-{number}");
        let first = call(clerk.for_key(&key)).await.unwrap();
        assert_eq!(call(clerk.for_key(&key)).await.unwrap(), first);
        counts[usize::from(first == "b")] += 1;
    }
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    assert_eq!(clerk.owner_of("key-0"), None);
}

#[tokio::test]
async fn the_first_assignment_replaces_the_seeds() {
    let (assigner, seed, owner) = (
        assignment_server().await,
        EchoPod::start("seed").await,
        EchoPod::start("owner").await,
    );
    let builder = Clerk::builder(TARGET).assigner(assigner.address.to_string());
    let clerk = builder
        .seed_pods([seed.pod.address.to_string()])
        .connect()
        .await
        .unwrap();
    assert_eq!(call(clerk.for_key("k")).await.unwrap(), "seed");
    assigner.assign(&[("", &[&owner.pod])]);
    clerk.ready(DEADLINE).await.unwrap();
    assert_eq!(call(clerk.for_key("k")).await.unwrap(), "owner");
}

#[tokio::test]
async fn a_clerk_without_a_valid_address_is_not_built() {
    let rejected = |builder: emberkeep_clerk::ClerkBuilder| async { builder.connect().await.unwrap_err().to_string() };
    let missing = rejected(Clerk::builder(TARGET)).await;
    assert_eq!(
        missing,
        "a clerk needs at least one address of an assigner, a slicelet or a seed pod"
    );
    let target = rejected(Clerk::builder("No Name").assigner("127.0.0.1:1")).await;
    assert!(target.starts_with("target \"No Name\" is not allowed"), "{target}");
    let source = rejected(Clerk::builder(TARGET).assigner("nowhere")).await;
    assert!(source.starts_with("address \"nowhere\" is invalid"), "{source}");
    let seed = rejected(Clerk::builder(TARGET).seed_pods(["nowhere"])).await;
    assert!(seed.starts_with("address \"nowhere\" is not allowed"), "{seed}");
}
