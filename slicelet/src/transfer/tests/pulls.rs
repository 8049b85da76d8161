//! The receiver of a transfer: what is warm after a pull, and where it was read from.

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

use super::pod_pair::{PodPair, TransferTestPod, key_of, noise};
use super::scripted_source::{ScriptedSource, StreamScript, serve};
use crate::byte_size::ByteSize;
use crate::warm::Freshness;

const KIB: usize = 1 << 10;

fn keys(numbers: impl IntoIterator<Item = u8>) -> Vec<String> {
    numbers.into_iter().map(key_of).collect()
}

fn assert_warm(pair: &PodPair, numbers: impl IntoIterator<Item = u8>, size: usize) {
    for number in numbers {
        assert!(
            pair.new.warm_value(&key_of(number)) == Some(noise(number, size)),
            "key-{number}"
        );
    }
}

#[tokio::test]
async fn values_arrive_hottest_first_and_keep_their_heat() {
    let pair = PodPair::begin(Freshness::Immutable).await;
    pair.warm_values(5, 10).await;
    let source = ScriptedSource::of(&pair.old, []).await;
    let reports = pair.pull(&source.address).await;
    assert_eq!(source.sent(), keys(0..5));
    assert_eq!(pair.new.warm.hottest(9), pair.old.warm.hottest(9));
    let last = reports.last().unwrap();
    assert_eq!((last.heat_share_thousandths, last.is_complete), (1_000, true));
    assert_eq!(last.size, pair.new.warm.size());
    assert_eq!(reports.iter().filter(|warmth| warmth.is_complete).count(), 1);
    let counter = |name, label| pair.new.counter(name, label);
    assert_eq!(counter("_pulls_total", Some("complete")), 1);
    assert_eq!(
        (
            counter("_received_values_total", None),
            counter("_received_bytes_total", None)
        ),
        (5, 50)
    );
    assert_eq!(pair.old.counter("_sent_values_total", None), 5);
}

#[tokio::test]
async fn immutable_values_are_warm_at_once() {
    let pair = PodPair::begin(Freshness::Immutable).await;
    pair.warm_values(3, 10).await;
    let source = ScriptedSource::of(&pair.old, []).await;
    pair.pull(&source.address).await;
    pair.hand_over();
    assert_warm(&pair, 0..3, 10);
    assert_eq!(pair.new.reads(), (0, 0, 0));
}

#[tokio::test]
async fn values_written_by_owners_are_checked_once_without_reading_bytes() {
    let pair = PodPair::begin(Freshness::OwnerWrites).await;
    pair.warm_values(3, 10).await;
    let source = ScriptedSource::of(&pair.old, []).await;
    pair.pull(&source.address).await;
    pair.put("key-1", "written by the old owner since").await;
    pair.hand_over();
    assert_eq!(pair.new.warm_value("key-0"), None, "the old owner may have written it");
    assert!(pair.new.get("key-0").await == noise(0, 10));
    assert_eq!(pair.new.reads(), (1, 1, 0));
    assert_eq!(pair.new.get("key-1").await, "written by the old owner since");
    assert_eq!(pair.new.reads(), (2, 2, 30));
}

#[tokio::test]
async fn values_written_by_anyone_are_at_most_checked() {
    let pair = PodPair::begin(Freshness::RevalidateAfter(Duration::from_secs(600))).await;
    pair.warm_values(2, 10).await;
    let source = ScriptedSource::of(&pair.old, []).await;
    pair.pull(&source.address).await;
    pair.hand_over();
    for number in 0..2 {
        assert!(pair.new.get(&key_of(number)).await == noise(number, 10));
    }
    assert_eq!(pair.new.reads().2, 0, "no bytes were read");
}

#[tokio::test]
async fn a_broken_stream_is_resumed_without_sending_values_twice() {
    let pair = PodPair::begin(Freshness::Immutable).await;
    pair.warm_values(8, 200 * KIB).await;
    let cuts = [
        StreamScript::Cut { after: 2 },
        StreamScript::Cut { after: 1 },
        StreamScript::Reject(Status::resource_exhausted("busy")),
    ];
    let source = ScriptedSource::of(&pair.old, cuts).await;
    let reports = pair.pull(&source.address).await;
    assert_eq!(source.sent(), keys(0..8));
    assert_warm(&pair, 0..8, 200 * KIB);
    assert_eq!(reports.last().unwrap().heat_share_thousandths, 1_000);
    assert_eq!(pair.new.counter("_pulls_total", Some("resumed")), 1);
    assert_eq!(pair.new.reads(), (0, 0, 0));
}

#[tokio::test]
async fn the_rest_is_read_from_object_storage_when_the_source_crashes() {
    let pair = PodPair::begin(Freshness::Immutable).await;
    pair.warm_values(8, 200 * KIB).await;
    let source = ScriptedSource::of(&pair.old, [StreamScript::Crash { after: 2 }]).await;
    let reports = pair.pull(&source.address).await;
    let sent_count = u8::try_from(source.sent().len()).unwrap();
    assert!((1..8).contains(&sent_count), "{sent_count} were sent");
    let received_count = pair.new.counter("_received_values_total", None);
    assert_eq!(pair.new.reads().0, 8 - received_count);
    assert_warm(&pair, 0..8, 200 * KIB);
    assert_eq!(pair.new.warm.hottest(9).len(), 8);
    assert!(
        pair.new.warm.hottest(1)[0].heat >= 8,
        "values read from object storage keep their heat, too"
    );
    let last = reports.last().unwrap();
    assert_eq!((last.heat_share_thousandths, last.is_complete), (1_000, true));
    assert_eq!(pair.new.counter("_pulls_total", Some("from_store")), 1);
}

#[tokio::test]
async fn a_newer_version_is_not_overwritten() {
    let pair = PodPair::begin(Freshness::OwnerWrites).await;
    pair.warm_values(2, 10).await;
    pair.put("key-0", "newer").await;
    assert_eq!(pair.new.get("key-0").await, "newer");
    let source = ScriptedSource::of(&pair.old, []).await;
    let reports = pair.pull(&source.address).await;
    assert_eq!(source.sent(), keys(0..2));
    assert_eq!(
        reports.last().unwrap().heat_share_thousandths,
        1_000,
        "a newer version counts as held"
    );
    pair.hand_over();
    let before = pair.new.reads();
    assert_eq!(pair.new.get("key-0").await, "newer");
    assert_eq!(pair.new.reads().2, before.2, "no bytes were read");
}

#[tokio::test]
async fn a_value_read_as_owner_is_not_replaced_by_a_later_transfer() {
    let pair = PodPair::begin(Freshness::Immutable).await;
    pair.hand_over();
    pair.put("key-0", "mine").await;
    assert_eq!(pair.new.get("key-0").await, "mine");
    pair.put("key-0", "read by the old owner").await;
    pair.old.get("key-0").await;
    let source = ScriptedSource::of(&pair.old, []).await;
    pair.pull(&source.address).await;
    assert_eq!(source.sent(), keys([0]));
    assert_eq!(pair.new.warm_value("key-0").unwrap(), "mine");
}

#[tokio::test]
async fn an_older_version_is_replaced_by_that_of_the_old_owner() {
    let pair = PodPair::begin(Freshness::RevalidateAfter(Duration::from_millis(1))).await;
    pair.warm_values(1, 10).await;
    let source = ScriptedSource::of(&pair.old, []).await;
    pair.pull(&source.address).await;
    pair.put("key-0", "newer").await;
    let version = |pod: &TransferTestPod| pod.warm.offers(&Slice::FULL, KeyMode::Hashed, 1)[0].fingerprint;
    let is_replaced = async || {
        // Each read makes the old owner's check more recent.
        pair.old.get("key-0").await;
        let reports = pair.pull(&source.address).await;
        assert_eq!(reports.last().unwrap().heat_share_thousandths, 1_000);
        (version(&pair.new) == version(&pair.old)).then_some(())
    };
    eventually("the newer version is stored", is_replaced).await;
    assert_eq!(pair.new.get("key-0").await, "newer");
    assert_eq!(pair.new.reads().2, 0, "no bytes were read");
}

#[tokio::test]
async fn held_values_are_not_sent() {
    let pair = PodPair::begin(Freshness::Immutable).await;
    pair.warm_values(4, 10).await;
    pair.new.get("key-2").await;
    let source = ScriptedSource::of(&pair.old, []).await;
    let reports = pair.pull(&source.address).await;
    assert_eq!(source.sent(), keys([0, 1, 3]));
    assert!((1..1_000).contains(&reports[0].heat_share_thousandths), "{reports:?}");
    assert_eq!(reports.last().unwrap().heat_share_thousandths, 1_000);
}

#[tokio::test]
async fn values_too_large_for_a_message_come_from_object_storage() {
    let pair = PodPair::begin(Freshness::Immutable).await;
    pair.warm_values(2, 5 << 20).await;
    let source = ScriptedSource::of(&pair.old, []).await;
    let reports = pair.pull(&source.address).await;
    assert_eq!((source.sent().len(), pair.new.reads().0), (0, 2));
    assert_warm(&pair, 0..2, 5 << 20);
    assert_eq!(reports.last().unwrap().heat_share_thousandths, 1_000);
}

#[tokio::test]
async fn colder_values_do_not_evict_hotter_ones() {
    let pair = PodPair::with_budget(Freshness::Immutable, ByteSize::mib(1)).await;
    for number in 100..104 {
        pair.put(&key_of(number), noise(number, 200 * KIB)).await;
        for _ in 0..1_000 {
            pair.new.get(&key_of(number)).await;
        }
    }
    pair.warm_values(8, 100 * KIB).await;
    let source = ScriptedSource::of(&pair.old, []).await;
    let reports = pair.pull(&source.address).await;
    assert_warm(&pair, 100..104, 200 * KIB);
    assert_warm(&pair, 0..2, 100 * KIB);
    let last = reports.last().unwrap();
    assert!(last.is_complete && last.heat_share_thousandths < 1_000, "{last:?}");
    assert_eq!(pair.new.counter("_received_values_total", None), 2);
    assert_eq!(pair.new.reads().0, 4, "the rest is not read either");
}

#[tokio::test]
async fn a_pull_from_a_source_without_the_service_completes_empty() {
    let pair = PodPair::begin(Freshness::Immutable).await;
    let stop = CancellationToken::new();
    let address = serve(Routes::default(), stop.clone()).await;
    let complete = Warmth {
        is_complete: true,
        ..Warmth::default()
    };
    assert_eq!(pair.pull(&address).await, [complete]);
    stop.cancel();
    assert_eq!(pair.pull(&address).await, [complete], "as from a source that is gone");
    assert_eq!(pair.new.counter("_pulls_total", Some("nothing")), 2);
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
async fn a_source_that_violates_the_protocol_is_not_retried() {
    let pair = PodPair::begin(Freshness::Immutable).await;
    let scripts = [
        vec![value("a")],
        vec![manifest(&["a"]), manifest(&["a"])],
        vec![manifest(&["a"]), value("b")],
        vec![TransferResponse { message: None }],
        vec![],
    ];
    let count = scripts.len();
    let source = ScriptedSource::of(&pair.old, scripts.map(StreamScript::Send)).await;
    for _ in 0..count {
        assert!(pair.pull(&source.address).await.last().unwrap().is_complete);
    }
    assert_eq!(pair.new.warm.hottest(1), []);
    assert_eq!(pair.new.counter("_received_values_total", None), 0);
    assert_eq!(
        pair.new.counter("_pulls_total", Some("nothing")),
        3,
        "these had no manifest"
    );
    assert_eq!(pair.new.counter("_pulls_total", Some("from_store")), 2);
}
