//! A write whose reply gets lost happened once, and its writer learns that it did.

use bytes::Bytes;
use emberkeep_store::{Expect, StoreError};
use emberkeep_testkit::fault_proxy::{Fault, Requests};
use tempfile::TempDir;

use crate::place::{BUCKET, Shaken, server};
use crate::reads_and_writes::{content, name};

#[tokio::test]
async fn a_create_whose_reply_is_lost_succeeds() {
    let shaken = Shaken::start().await;
    let put = Requests::to("PUT", "/state/a");
    shaken.proxy.strike(1, put, Fault::CutAfter);
    let etag = shaken.store.put(&name("a"), "x".into(), Expect::Absent).await.unwrap();
    assert_eq!(shaken.proxy.injected().cuts_after, 1);
    assert_eq!(content(&shaken.store, &name("a")).await, (Bytes::from("x"), etag));
}

#[tokio::test]
async fn a_large_create_whose_reply_is_lost_succeeds() {
    let shaken = Shaken::start().await;
    let completion = Requests::to("POST", "/state/a?uploadId=");
    shaken.proxy.strike(1, completion, Fault::CutAfter);
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
async fn a_create_that_lost_to_equal_bytes_still_lost() {
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
