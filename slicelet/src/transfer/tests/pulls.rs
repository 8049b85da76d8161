//! What the new owner has after a pull, and how it came by it.

use std::time::Duration;

use emberkeep_core::assignment::Generation;
use emberkeep_core::keyspace::Slice;
use emberkeep_core::target::KeyMode;
use emberkeep_core::warmth::Warmth;
use emberkeep_proto::convert::{ManifestEntry, ManifestPage, Transferred, WarmValue};
use emberkeep_proto::pb::TransferResponse;
use emberkeep_testkit::deadline::eventually;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::service::Routes;

use super::pod::{TestPod, World, key_of, noise};
use super::stage::{Act, Stage, serve};
use crate::byte_size::ByteSize;
use crate::warm::Freshness;

const KIB: usize = 1 << 10;

fn keys(numbers: impl IntoIterator<Item = u8>) -> Vec<String> {
    numbers.into_iter().map(key_of).collect()
}

fn assert_warm(world: &World, numbers: impl IntoIterator<Item = u8>, size: usize) {
    for number in numbers {
        assert!(
            world.new.warm(&key_of(number)) == Some(noise(number, size)),
            "key-{number}"
        );
    }
}

#[tokio::test]
async fn values_come_hottest_first_and_as_hot_as_they_were() {
    let world = World::begin(Freshness::Immutable).await;
    world.warms_up(5, 10).await;
    let stage = Stage::of(&world.old, []).await;
    let told = world.pull(&stage.address).await;
    assert_eq!(stage.sent(), keys(0..5));
    assert_eq!(world.new.warm.hottest(9), world.old.warm.hottest(9));
    let last = told.last().unwrap();
    assert_eq!((last.heat_share_thousandths, last.is_complete), (1_000, true));
    assert_eq!(last.size, world.new.warm.size());
    assert_eq!(told.iter().filter(|warmth| warmth.is_complete).count(), 1);
    let counted = |name, label| world.new.counted(name, label);
    assert_eq!(counted("_pulls_total", Some("complete")), 1);
    assert_eq!(
        (
            counted("_received_values_total", None),
            counted("_received_bytes_total", None)
        ),
        (5, 50)
    );
    assert_eq!(world.old.counted("_sent_values_total", None), 5);
}

#[tokio::test]
async fn what_never_changes_is_warm_at_once() {
    let world = World::begin(Freshness::Immutable).await;
    world.warms_up(3, 10).await;
    let stage = Stage::of(&world.old, []).await;
    world.pull(&stage.address).await;
    world.switch();
    assert_warm(&world, 0..3, 10);
    assert_eq!(world.new.reads(), (0, 0, 0));
}

#[tokio::test]
async fn what_only_owners_write_is_checked_once_and_moves_no_bytes() {
    let world = World::begin(Freshness::OwnerWrites).await;
    world.warms_up(3, 10).await;
    let stage = Stage::of(&world.old, []).await;
    world.pull(&stage.address).await;
    world.put("key-1", "written by the old owner since").await;
    world.switch();
    assert_eq!(world.new.warm("key-0"), None, "the old owner may have written it");
    assert!(world.new.get("key-0").await == noise(0, 10));
    assert_eq!(world.new.reads(), (1, 1, 0));
    assert_eq!(world.new.get("key-1").await, "written by the old owner since");
    assert_eq!(world.new.reads(), (2, 2, 30));
}

#[tokio::test]
async fn what_others_write_is_checked_at_most() {
    let world = World::begin(Freshness::RevalidateAfter(Duration::from_secs(600))).await;
    world.warms_up(2, 10).await;
    let stage = Stage::of(&world.old, []).await;
    world.pull(&stage.address).await;
    world.switch();
    for number in 0..2 {
        assert!(world.new.get(&key_of(number)).await == noise(number, 10));
    }
    assert_eq!(world.new.reads().2, 0, "no bytes were moved");
}

#[tokio::test]
async fn a_stream_that_is_cut_is_resumed_and_nothing_is_sent_twice() {
    let world = World::begin(Freshness::Immutable).await;
    world.warms_up(8, 200 * KIB).await;
    let cuts = [
        Act::Cut { after: 2 },
        Act::Cut { after: 1 },
        Act::Refuse(Status::resource_exhausted("busy")),
    ];
    let stage = Stage::of(&world.old, cuts).await;
    let told = world.pull(&stage.address).await;
    assert_eq!(stage.sent(), keys(0..8));
    assert_warm(&world, 0..8, 200 * KIB);
    assert_eq!(told.last().unwrap().heat_share_thousandths, 1_000);
    assert_eq!(world.new.counted("_pulls_total", Some("resumed")), 1);
    assert_eq!(world.new.reads(), (0, 0, 0));
}

#[tokio::test]
async fn the_rest_comes_from_object_storage_when_the_source_dies() {
    let world = World::begin(Freshness::Immutable).await;
    world.warms_up(8, 200 * KIB).await;
    let stage = Stage::of(&world.old, [Act::Die { after: 2 }]).await;
    let told = world.pull(&stage.address).await;
    let sent_count = u8::try_from(stage.sent().len()).unwrap();
    assert!((1..8).contains(&sent_count), "{sent_count} were sent");
    let received_count = world.new.counted("_received_values_total", None);
    assert_eq!(world.new.reads().0, 8 - received_count);
    assert_warm(&world, 0..8, 200 * KIB);
    assert_eq!(world.new.warm.hottest(9).len(), 8);
    assert!(
        world.new.warm.hottest(1)[0].heat >= 8,
        "heat goes along with what is read, too"
    );
    let last = told.last().unwrap();
    assert_eq!((last.heat_share_thousandths, last.is_complete), (1_000, true));
    assert_eq!(world.new.counted("_pulls_total", Some("from_store")), 1);
}

#[tokio::test]
async fn what_is_known_more_recently_is_not_overwritten() {
    let world = World::begin(Freshness::OwnerWrites).await;
    world.warms_up(2, 10).await;
    world.put("key-0", "newer").await;
    assert_eq!(world.new.get("key-0").await, "newer");
    let stage = Stage::of(&world.old, []).await;
    let told = world.pull(&stage.address).await;
    assert_eq!(stage.sent(), keys(0..2));
    assert_eq!(
        told.last().unwrap().heat_share_thousandths,
        1_000,
        "a newer version is as good"
    );
    world.switch();
    let before = world.new.reads();
    assert_eq!(world.new.get("key-0").await, "newer");
    assert_eq!(world.new.reads().2, before.2, "no bytes were moved");
}

#[tokio::test]
async fn what_the_new_owner_has_read_as_owner_stays_whatever_comes_later() {
    let world = World::begin(Freshness::Immutable).await;
    world.switch();
    world.put("key-0", "mine").await;
    assert_eq!(world.new.get("key-0").await, "mine");
    world.put("key-0", "as the old owner saw it").await;
    world.old.get("key-0").await;
    let stage = Stage::of(&world.old, []).await;
    world.pull(&stage.address).await;
    assert_eq!(stage.sent(), keys([0]));
    assert_eq!(world.new.warm("key-0").unwrap(), "mine");
}

#[tokio::test]
async fn an_older_version_gives_way_to_the_one_that_the_old_owner_has() {
    let world = World::begin(Freshness::RevalidateAfter(Duration::from_millis(1))).await;
    world.warms_up(1, 10).await;
    let stage = Stage::of(&world.old, []).await;
    world.pull(&stage.address).await;
    world.put("key-0", "newer").await;
    let version = |pod: &TestPod| pod.warm.offers(&Slice::FULL, KeyMode::Hashed, 1)[0].fingerprint;
    let is_taken_over = async || {
        // Each time, the old owner has checked it later.
        world.old.get("key-0").await;
        let told = world.pull(&stage.address).await;
        assert_eq!(told.last().unwrap().heat_share_thousandths, 1_000);
        (version(&world.new) == version(&world.old)).then_some(())
    };
    eventually("the newer version is taken over", is_taken_over).await;
    assert_eq!(world.new.get("key-0").await, "newer");
    assert_eq!(world.new.reads().2, 0, "no bytes were moved");
}

#[tokio::test]
async fn what_is_there_already_is_not_sent() {
    let world = World::begin(Freshness::Immutable).await;
    world.warms_up(4, 10).await;
    world.new.get("key-2").await;
    let stage = Stage::of(&world.old, []).await;
    let told = world.pull(&stage.address).await;
    assert_eq!(stage.sent(), keys([0, 1, 3]));
    assert!((1..1_000).contains(&told[0].heat_share_thousandths), "{told:?}");
    assert_eq!(told.last().unwrap().heat_share_thousandths, 1_000);
}

#[tokio::test]
async fn values_too_large_for_a_message_come_from_object_storage() {
    let world = World::begin(Freshness::Immutable).await;
    world.warms_up(2, 5 << 20).await;
    let stage = Stage::of(&world.old, []).await;
    let told = world.pull(&stage.address).await;
    assert_eq!((stage.sent().len(), world.new.reads().0), (0, 2));
    assert_warm(&world, 0..2, 5 << 20);
    assert_eq!(told.last().unwrap().heat_share_thousandths, 1_000);
}

#[tokio::test]
async fn hotter_values_are_not_pushed_out_by_colder_ones() {
    let world = World::with_budget(Freshness::Immutable, ByteSize::mib(1)).await;
    for number in 100..104 {
        world.put(&key_of(number), noise(number, 200 * KIB)).await;
        for _ in 0..1_000 {
            world.new.get(&key_of(number)).await;
        }
    }
    world.warms_up(8, 100 * KIB).await;
    let stage = Stage::of(&world.old, []).await;
    let told = world.pull(&stage.address).await;
    assert_warm(&world, 100..104, 200 * KIB);
    assert_warm(&world, 0..2, 100 * KIB);
    let last = told.last().unwrap();
    assert!(last.is_complete && last.heat_share_thousandths < 1_000, "{last:?}");
    assert_eq!(world.new.counted("_received_values_total", None), 2);
    assert_eq!(world.new.reads().0, 4, "nor is the rest read");
}

#[tokio::test]
async fn a_source_without_the_service_is_complete_with_nothing() {
    let world = World::begin(Freshness::Immutable).await;
    let stop = CancellationToken::new();
    let address = serve(Routes::default(), stop.clone()).await;
    let complete = Warmth {
        is_complete: true,
        ..Warmth::default()
    };
    assert_eq!(world.pull(&address).await, [complete]);
    stop.cancel();
    assert_eq!(world.pull(&address).await, [complete], "so is one that is gone");
    assert_eq!(world.new.counted("_pulls_total", Some("nothing")), 2);
}

fn manifest(keys: &[&str]) -> TransferResponse {
    let entry = |key: &&str| ManifestEntry {
        key: key.as_bytes().to_vec(),
        heat: 1,
        fingerprint: 7,
        size: 10,
    };
    let page = ManifestPage {
        entries: keys.iter().map(entry).collect(),
        is_last: true,
    };
    Transferred::Manifest(page).into()
}

fn value(key: &str) -> TransferResponse {
    let value = WarmValue {
        key: key.into(),
        etag: "\"odd\"".to_owned(),
        object: b"odd".to_vec(),
        checked_by: Generation::NONE,
        checked_before: Duration::ZERO,
    };
    Transferred::Values(vec![value]).into()
}

#[tokio::test]
async fn a_source_that_breaks_the_rules_is_asked_no_more() {
    let world = World::begin(Freshness::Immutable).await;
    let acts = [
        vec![value("a")],
        vec![manifest(&["a"]), manifest(&["a"])],
        vec![manifest(&["a"]), value("b")],
        vec![TransferResponse { message: None }],
        vec![],
    ];
    let count = acts.len();
    let stage = Stage::of(&world.old, acts.map(Act::Say)).await;
    for _ in 0..count {
        assert!(world.pull(&stage.address).await.last().unwrap().is_complete);
    }
    assert_eq!(world.new.warm.hottest(1), []);
    assert_eq!(world.new.counted("_received_values_total", None), 0);
    assert_eq!(
        world.new.counted("_pulls_total", Some("nothing")),
        3,
        "these had no manifest"
    );
    assert_eq!(world.new.counted("_pulls_total", Some("from_store")), 2);
}
