//! A write whose reply is lost takes effect once, and its writer learns that it did.

use bytes::Bytes;
use emberkeep_store::{Expect, StoreError};
use emberkeep_testkit::fault_proxy::{HttpFault, RequestMatcher};
use tempfile::TempDir;

use crate::backend::{ProxiedS3, server};
use crate::bucket::BUCKET;
use crate::reads_and_writes::{content, name};

#[tokio::test]
async fn a_create_whose_reply_is_lost_succeeds() {
    let shaken = ProxiedS3::start().await;
    let put = RequestMatcher::to("PUT", "/state/a");
    shaken.proxy.inject(1, put, HttpFault::CutAfter);
    let etag = shaken.store.put(&name("a"), "x".into(), Expect::Absent).await.unwrap();
    assert_eq!(shaken.proxy.injected().cuts_after, 1);
    assert_eq!(content(&shaken.store, &name("a")).await, (Bytes::from("x"), etag));
}

#[tokio::test]
async fn a_large_create_whose_reply_is_lost_succeeds() {
    let shaken = ProxiedS3::start().await;
    let completion = RequestMatcher::to("POST", "/state/a?uploadId=");
    shaken.proxy.inject(1, completion, HttpFault::CutAfter);
    let bytes = Bytes::from(vec![b'x'; (16 << 20) + 1]);
    let etag = shaken
        .store
        .put(&name("a"), bytes.clone(), Expect::Absent)
        .await
        .unwrap();
    assert_eq!(shaken.proxy.injected().cuts_after, 1);
    assert_eq!(content(&shaken.store, &name("a")).await, (bytes, etag));
}

#[tokio::test]
async fn a_create_of_equal_bytes_after_another_writer_is_rejected() {
    let folder = TempDir::new().unwrap();
    let server = server(&folder).await;
    let store = server.store(BUCKET).await.unwrap();
    store.put(&name("a"), "x".into(), Expect::Absent).await.unwrap();
    let second = store.put(&name("a"), "x".into(), Expect::Absent).await;
    assert!(
        matches!(second, Err(StoreError::PreconditionFailed { .. })),
        "{second:?}"
    );
}
