//! The sender of a transfer: flow control, limits and rejections.

use std::sync::Arc;

use emberkeep_core::keyspace::Slice;
use emberkeep_proto::convert::{TRANSFER_MESSAGE_SIZE_MAX, Transferred};
use emberkeep_proto::pb::TransferRequest;
use emberkeep_proto::pb::warm_transfer_client::WarmTransferClient;
use emberkeep_runtime::channel::{ChannelSettings, channel_to};
use emberkeep_testkit::deadline::{eventually, soon};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::service::Routes;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::pod_pair::{PodPair, target};
use super::scripted_source::serve;
use crate::transfer::TransferService;
use crate::warm::Freshness;

/// A client of the old owner's transfer service, and the guard that stops the service.
async fn client_of(pair: &PodPair) -> (WarmTransferClient<Channel>, DropGuard) {
    let (ends, stop) = (CancellationToken::new(), CancellationToken::new());
    let old = &pair.old;
    let service = TransferService::new(Arc::clone(&old.warm), Arc::clone(&old.published), ends.clone());
    let address = serve(Routes::new(service.into_server()), stop).await;
    let settings = ChannelSettings {
        stream_window: 256 << 10,
        connection_window: 256 << 10,
        ..ChannelSettings::default()
    };
    let client = WarmTransferClient::new(channel_to(&address, &settings).unwrap());
    let client = client.max_decoding_message_size(TRANSFER_MESSAGE_SIZE_MAX);
    (client, ends.drop_guard())
}

fn request() -> TransferRequest {
    TransferRequest {
        target: target().as_str().to_owned(),
        slice: Some((&Slice::FULL).into()),
        held: Vec::new(),
    }
}

#[tokio::test]
async fn a_slow_receiver_slows_the_sender() {
    let pair = PodPair::begin(Freshness::Immutable).await;
    pair.warm_values(60, 300 << 10).await;
    let (mut client, _ends) = client_of(&pair).await;
    let mut messages = client.transfer(request()).await.unwrap().into_inner();
    let encoded = || pair.old.counter("_sent_values_total", None);
    eventually("the sender runs ahead", async || (encoded() >= 2).then_some(())).await;
    let mut taken_count = 0;
    while let Some(message) = soon(messages.message()).await.unwrap() {
        if let Transferred::Values(values) = Transferred::try_from(message).unwrap() {
            taken_count += values.len() as u64;
        }
        let ahead = encoded() - taken_count;
        assert!(ahead <= 8, "{ahead} values of 300 KiB are in flight");
    }
    assert_eq!((taken_count, encoded()), (60, 60));
}

#[tokio::test]
async fn a_dropped_stream_ends_the_transfer() {
    let pair = PodPair::begin(Freshness::Immutable).await;
    pair.warm_values(60, 300 << 10).await;
    let (mut client, _ends) = client_of(&pair).await;
    let messages = client.transfer(request()).await.unwrap().into_inner();
    let sending = &pair.old.metrics.transfer.sending;
    assert_eq!(sending.get(), 1);
    drop(messages);
    eventually("the transfer ends", async || (sending.get() == 0).then_some(())).await;
    assert!(pair.old.counter("_sent_values_total", None) < 60);
}

#[tokio::test]
async fn a_stopping_pod_ends_its_streams_with_unavailable() {
    let pair = PodPair::begin(Freshness::Immutable).await;
    pair.warm_values(60, 300 << 10).await;
    let (mut client, ends) = client_of(&pair).await;
    let mut messages = client.transfer(request()).await.unwrap().into_inner();
    soon(messages.message()).await.unwrap();
    drop(ends);
    let error = loop {
        match soon(messages.message()).await {
            Ok(message) => assert!(message.is_some(), "the stream must not seem complete"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), Code::Unavailable);
    assert_eq!(
        error.message(),
        "this pod is stopping, read the rest from object storage"
    );
}

#[tokio::test]
async fn the_number_of_transfers_is_limited() {
    let pair = PodPair::begin(Freshness::Immutable).await;
    pair.warm_values(60, 300 << 10).await;
    let (mut client, _ends) = client_of(&pair).await;
    let mut streams = Vec::new();
    for _ in 0..16 {
        streams.push(client.transfer(request()).await.unwrap());
    }
    let refused = client.transfer(request()).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(
        refused.message(),
        "16 transfers are in progress already, retry in a moment"
    );
    streams.pop();
    let has_permit = async || client.clone().transfer(request()).await.ok();
    eventually("a permit is free again", has_permit).await;
}

#[tokio::test]
async fn an_invalid_request_is_rejected_with_a_reason() {
    let pair = PodPair::begin(Freshness::Immutable).await;
    let (mut client, _ends) = client_of(&pair).await;
    let mut refusal = async |request: TransferRequest| -> (Code, String) {
        let status: Status = client.transfer(request).await.unwrap_err();
        (status.code(), status.message().to_owned())
    };
    let no_slice = TransferRequest {
        slice: None,
        ..request()
    };
    let expected = (
        Code::InvalidArgument,
        "slice: it is missing, but must be set".to_owned(),
    );
    assert_eq!(refusal(no_slice).await, expected);
    let of_others = TransferRequest {
        target: "letters".to_owned(),
        ..request()
    };
    let expected = "target letters is not served by this pod, which serves numbers";
    assert_eq!(refusal(of_others).await, (Code::NotFound, expected.to_owned()));
    let greedy = TransferRequest {
        held: vec![7; 500_001],
        ..request()
    };
    let (code, reason) = refusal(greedy).await;
    assert_eq!(code, Code::InvalidArgument);
    assert_eq!(reason, "held: it has 500001 entries, at most 500000 are allowed");
}
