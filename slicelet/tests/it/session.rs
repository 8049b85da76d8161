//! The session with the assigner: the slicelet's reports, and its reaction to each message.

use emberkeep_core::assignment::{Assignment, Generation, Update};
use emberkeep_core::pod::PodPhase;
use emberkeep_core::rate::Rate;
use emberkeep_proto::convert::{FromAssigner, FromSlicelet, leader_redirect_status};
use emberkeep_slicelet::{NotOwner, OwnError};
use emberkeep_testkit::assignment::{generation, halves};
use emberkeep_testkit::deadline::soon;
use emberkeep_testkit::scripted_assigner::ScriptedAssigner;
use tonic::{Code, Status};

use crate::slicelet_fixture::{SliceletFixture, key_of_half, other_pod};

/// The phase in a heartbeat.
fn phase(message: FromSlicelet) -> Option<PodPhase> {
    match message {
        FromSlicelet::Heartbeat(heartbeat) => Some(heartbeat.phase),
        FromSlicelet::Register(_) | FromSlicelet::LoadReport(_) => None,
    }
}

#[tokio::test]
async fn before_the_first_assignment_the_pod_owns_nothing() {
    let fixture = SliceletFixture::unassigned().await;
    let Err(OwnError::NotOwner(not_owner)) = fixture.slicelet.own("a") else {
        panic!("there is no assignment yet");
    };
    assert_eq!((not_owner.generation, &not_owner.owner), (Generation::NONE, &None));
}

#[tokio::test]
async fn a_store_grant_holds_until_the_assigner_sends_another() {
    let (mut fixture, session) = SliceletFixture::owning().await;
    assert_eq!(fixture.granted_rate(), f64::INFINITY);
    session
        .send(FromAssigner::StoreGrant(Some(Rate::from_milli(62_500))))
        .await;
    // Messages are applied in order.
    let second = fixture.move_upper_half_away(&session).await;
    assert_eq!(fixture.granted_rate(), 62.5);

    session.fail(Status::unavailable("the member stops")).await;
    let session = fixture.assigner.welcome().await;
    assert_eq!(fixture.granted_rate(), 62.5, "losing the assigner changes nothing");
    session.send(FromAssigner::StoreGrant(None)).await;
    session
        .send_assignment(&halves(&second, fixture.pod(), fixture.pod()))
        .await;
    fixture.applied(3).await;
    assert_eq!(fixture.granted_rate(), f64::INFINITY);
}

#[tokio::test]
async fn a_key_of_another_pod_is_rejected_with_its_owner() {
    let mut fixture = SliceletFixture::unassigned().await;
    let session = fixture.assigner.welcome().await;
    let first = halves(&Assignment::unassigned(), fixture.pod(), &other_pod());
    session.send_assignment(&first).await;
    fixture.applied(1).await;
    assert!(fixture.slicelet.own(&key_of_half(false)).is_ok());
    let status = Status::from(fixture.slicelet.own(&key_of_half(true)).unwrap_err());
    let not_owner = NotOwner::from_status(&status).unwrap();
    assert_eq!(
        (not_owner.generation, not_owner.owner),
        (generation(1), Some(other_pod()))
    );
    assert_eq!(fixture.slicelet.stats().misroute_count, 1);
    let too_long = fixture.slicelet.own(&"x".repeat(513)).unwrap_err();
    assert_eq!(Status::from(too_long).code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_key_that_was_away_is_read_again_and_its_old_guards_stay_outdated() {
    let (fixture, session) = SliceletFixture::owning().await;
    let key = key_of_half(true);
    fixture.put(&key, "1").await;
    fixture.get(&key).await.unwrap();
    let guard = fixture.slicelet.own(&key).unwrap();
    let away = fixture.move_upper_half_away(&session).await;
    assert!(!guard.is_current());
    fixture.put(&key, "2").await;
    session
        .send_assignment(&halves(&away, fixture.pod(), fixture.pod()))
        .await;
    fixture.applied(3).await;
    assert!(!guard.is_current());
    assert_eq!(fixture.get(&key).await.unwrap(), 2);
    let again = fixture.slicelet.own(&key).unwrap();
    assert!(again.is_current() && again.epoch() > guard.epoch());
}

#[tokio::test]
async fn a_drain_is_reported_at_once_and_over_when_the_slices_have_moved() {
    let (fixture, mut session) = SliceletFixture::owning().await;
    fixture.put("a", "7").await;
    let mut drained = tokio::spawn(fixture.slicelet.drained());
    fixture.slicelet.drain();
    while session.receive(phase).await != PodPhase::Draining {}
    assert!(futures::poll!(&mut drained).is_pending());
    assert_eq!(fixture.get("a").await.unwrap(), 7, "a draining pod still answers");
    let first = fixture.applied(1).await;
    session
        .send_assignment(&halves(&first, &other_pod(), &other_pod()))
        .await;
    soon(drained).await.unwrap();
    assert!(fixture.slicelet.own("a").is_err());
}

#[tokio::test]
async fn a_pod_that_may_exit_has_drained() {
    let (fixture, session) = SliceletFixture::owning().await;
    session.send(FromAssigner::MayExit).await;
    soon(fixture.slicelet.drained()).await;
}

#[tokio::test]
async fn a_redirect_leads_to_the_leader_with_the_known_generation() {
    let (fixture, session) = SliceletFixture::owning().await;
    let mut leader = ScriptedAssigner::start().await;
    session.fail(leader_redirect_status(Some(&leader.url))).await;
    let session = leader.welcome().await;
    assert_eq!(session.registration.known, generation(1));
    assert_eq!(session.registration.pod, *fixture.pod());
    assert!(fixture.slicelet.own("a").is_ok(), "a redirect changes no ownership");
}

#[tokio::test]
async fn a_diff_on_another_base_makes_the_pod_request_the_whole_assignment() {
    let (mut fixture, session) = SliceletFixture::owning().await;
    let second = halves(&*fixture.applied(1).await, fixture.pod(), &other_pod());
    let third = halves(&second, &other_pod(), fixture.pod());
    let diff = third.diff_since(second.generation());
    session.send(FromAssigner::Update(Update::Diff(diff))).await;
    let session = fixture.assigner.welcome().await;
    assert_eq!(session.registration.known, Generation::NONE);
    session.send_assignment(&third).await;
    assert_eq!(fixture.applied(3).await, third);
}

#[tokio::test]
async fn charged_load_is_reported() {
    let (fixture, mut session) = SliceletFixture::owning().await;
    let mut guard = fixture.slicelet.own("a").unwrap();
    guard.charge(1_000_000);
    let total = session
        .receive(|message| match message {
            FromSlicelet::LoadReport(report) => Some(report.total()).filter(|total| total.milli() > 0),
            FromSlicelet::Register(_) | FromSlicelet::Heartbeat(_) => None,
        })
        .await;
    assert!(total.milli() > 1_000_000, "{total}");
}

#[tokio::test]
async fn memory_of_warm_values_is_reported_by_slice() {
    let (fixture, mut session) = SliceletFixture::owning().await;
    let assignment = fixture.applied(1).await;
    session
        .send_assignment(&halves(&assignment, &other_pod(), fixture.pod()))
        .await;
    fixture.applied(2).await;
    let key = key_of_half(true);
    fixture.put(&key, "17").await;
    fixture.get(&key).await.unwrap();
    let memory = session
        .receive(|message| match message {
            FromSlicelet::LoadReport(report) => {
                let memory: Vec<_> = report.slices.iter().map(|share| share.memory).collect();
                memory.iter().any(|bytes| *bytes > 0).then_some(memory)
            }
            FromSlicelet::Register(_) | FromSlicelet::Heartbeat(_) => None,
        })
        .await;
    assert_eq!(memory, [fixture.slicelet.stats().warm_size.as_bytes()]);
}
