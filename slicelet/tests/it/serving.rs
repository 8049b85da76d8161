//! The endpoints of a slicelet: assignment, warm values, health and metrics.

use emberkeep_core::keyspace::{Slice, SliceKey};
use emberkeep_core::target::TargetName;
use emberkeep_proto::convert::{FromAssigner, Transferred};
use emberkeep_proto::pb::TransferRequest;
use emberkeep_proto::pb::warm_transfer_client::WarmTransferClient;
use emberkeep_runtime::channel::{ChannelSettings, channel_to};
use emberkeep_runtime::watch::{AssignmentWatcher, WatchSettings};
use emberkeep_slicelet::{Slicelet, SliceletError};
use emberkeep_testkit::assignment::{all_by, generation};
use emberkeep_testkit::deadline::soon;
use emberkeep_testkit::grpc_server::serve;
use emberkeep_testkit::metrics::http_get;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic::codec::CompressionEncoding;

use crate::slicelet_fixture::{SliceletFixture, key_of_half};

#[tokio::test]
async fn a_watcher_of_the_pod_gets_its_assignment() {
    let (fixture, _session) = SliceletFixture::owning().await;
    let stop = CancellationToken::new();
    let address = serve(fixture.slicelet.routes(), stop.clone()).await.to_string();
    let target = TargetName::try_new("numbers").unwrap();
    let watcher = AssignmentWatcher::start(WatchSettings::new(target, vec![address], "test"), &stop);
    let mut held = watcher.held();
    let held = soon(held.wait_for(Option::is_some)).await.unwrap().clone();
    assert_eq!(held.unwrap().assignment, fixture.applied(1).await);
    stop.cancel();
}

#[tokio::test]
async fn warm_values_of_a_slice_are_transferred_until_the_pod_has_drained() {
    let (fixture, session) = SliceletFixture::owning().await;
    let (lower, upper) = (key_of_half(false), key_of_half(true));
    for key in [&lower, &upper] {
        fixture.put(key, "7").await;
        fixture.get(key).await.unwrap();
    }
    let stop = CancellationToken::new();
    let address = serve(fixture.slicelet.routes(), stop.clone()).await;
    let channel = channel_to(&address.to_string(), &ChannelSettings::default()).unwrap();
    let mut client = WarmTransferClient::new(channel).accept_compressed(CompressionEncoding::Zstd);
    let request = TransferRequest {
        target: "numbers".to_owned(),
        slice: Some((&Slice::new(SliceKey::from_position(1 << 63), None).unwrap()).into()),
        held: Vec::new(),
    };
    let sent = soon(client.transfer(request.clone())).await.unwrap();
    assert_eq!(sent.metadata().get("grpc-encoding").unwrap(), "zstd");
    let mut messages = sent.into_inner();
    let mut next = async || soon(messages.message()).await.unwrap().map(Transferred::try_from);
    let Some(Ok(Transferred::Manifest(page))) = next().await else {
        panic!("the manifest comes first");
    };
    assert_eq!(
        (page.entries.len(), page.is_last),
        (1, true),
        "the other key is in the other slice"
    );
    let Some(Ok(Transferred::Values(values))) = next().await else {
        panic!("values follow the manifest");
    };
    assert_eq!(
        (values[0].key.as_slice(), values[0].object.as_slice()),
        (upper.as_bytes(), &b"7"[..])
    );
    assert_eq!(values[0].checked_by, generation(1));
    assert!(next().await.is_none());

    session.send(FromAssigner::MayExit).await;
    soon(fixture.slicelet.drained()).await;
    let mut messages = soon(client.transfer(request)).await.unwrap().into_inner();
    let ended = soon(messages.message()).await.unwrap_err();
    assert_eq!(ended.code(), Code::Unavailable);
    stop.cancel();
}

#[tokio::test]
async fn the_pod_is_healthy_once_it_has_an_assignment() {
    let mut fixture = SliceletFixture::unassigned().await;
    let address = fixture.slicelet.http_address().unwrap();
    assert!(http_get(address, "/healthz").await.starts_with("HTTP/1.1 503"));
    let session = fixture.assigner.welcome().await;
    session.send_assignment(&all_by(fixture.pod())).await;
    fixture.applied(1).await;
    assert!(http_get(address, "/healthz").await.starts_with("HTTP/1.1 200"));
    let metrics = http_get(address, "/metrics").await;
    assert!(
        metrics.contains("emberkeep_slicelet_warm_keys{target=\"numbers\"} 0"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_shutdown_closes_the_session() {
    let (fixture, mut session) = SliceletFixture::owning().await;
    soon(fixture.slicelet.shutdown()).await;
    soon(fixture.slicelet.drained()).await;
    // At the end of the stream, `receive` panics.
    let receiving = tokio::spawn(async move { session.receive(|_| None::<()>).await });
    assert!(soon(receiving).await.is_err());
}

#[tokio::test]
async fn a_slicelet_without_a_store_does_not_start() {
    let error = Slicelet::builder("numbers").start().await.unwrap_err();
    assert!(matches!(error, SliceletError::Missing { setting: "store" }));
}
