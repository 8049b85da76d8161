//! Errors specific to a client of an S3 server, and their messages.

use std::time::Duration;

use emberkeep_store::{ETag, Expect, S3Settings, Store, StoreError};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::backend::{credentials, server};
use crate::bucket::BUCKET;
use crate::misbehaving_server::{Behaviour, MisbehavingServer};
use crate::reads_and_writes::name;

#[tokio::test]
async fn a_wrong_secret_is_rejected_with_the_message_of_the_server() {
    let folder = TempDir::new().unwrap();
    let server = server(&folder).await;
    let settings = S3Settings {
        credentials: Some(credentials("a wrong secret")),
        ..server.settings(BUCKET)
    };
    let error = Store::s3(settings).await.unwrap().check().await.unwrap_err();
    assert!(matches!(error, StoreError::Refused { .. }), "{error}");
    let location = format!("s3://state at http://{}", server.addr());
    assert!(
        error
            .to_string()
            .starts_with(&format!("{location} refused the credentials: SignatureDoesNotMatch")),
        "{error}"
    );
}

#[tokio::test]
async fn a_bucket_that_does_not_exist_is_named() {
    let folder = TempDir::new().unwrap();
    let server = server(&folder).await;
    let error = server.store("other").await.unwrap().check().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("s3://other at http://{} does not exist", server.addr())
    );
}

#[tokio::test]
async fn a_server_that_is_down_is_unreachable() {
    let folder = TempDir::new().unwrap();
    let server = server(&folder).await;
    let (store, addr) = (server.store(BUCKET).await.unwrap(), server.addr());
    server.shutdown().await;
    let error = store.check().await.unwrap_err();
    assert!(error.is_retryable());
    let words = format!("s3://state at http://{addr} is unreachable: Connection refused");
    assert!(error.to_string().starts_with(&words), "{error}");
}

/// Time is paused: it advances to the next timer whenever the runtime is idle.
#[tokio::test(start_paused = true)]
async fn requests_to_a_silent_server_time_out() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = S3Settings {
        endpoint: Some(format!("http://{}", silent.local_addr().unwrap())),
        path_style: true,
        credentials: Some(credentials("a secret")),
        ..S3Settings::bucket(BUCKET)
    };
    let store = Store::s3(settings).await.unwrap();
    let expected = format!("{} did not answer within 10s", store.location());
    let get = async || store.get(&name("a"), None).await.unwrap_err();
    let (patient, waited) = once_connected(get).await;
    assert_eq!(patient.to_string(), expected);
    assert!(waited <= Duration::from_secs(60), "{waited:?}");

    let (hurried, waited) = once_connected(async || store.require_conditional_writes().await.unwrap_err()).await;
    assert_eq!(hurried.to_string(), expected);
    assert!(waited <= Duration::from_secs(21), "{waited:?}");
}

/// The error of a request, and the paused time until it came. On a busy machine the time may advance beyond the timeout of
/// a connection before the kernel has made it: such a request is repeated.
async fn once_connected(request: impl AsyncFn() -> StoreError) -> (StoreError, Duration) {
    const TRY_COUNT_MAX: usize = 1_000;
    for _ in 0..TRY_COUNT_MAX {
        let begin = Instant::now();
        let error = request().await;
        if !matches!(error, StoreError::NotReachable { .. }) {
            return (error, begin.elapsed());
        }
        std::thread::yield_now();
    }
    panic!("there was no connection in {TRY_COUNT_MAX} requests");
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let folder = TempDir::new().unwrap();
    let server = server(&folder).await;
    let settings = emberkeep_store::embedded::EmbeddedS3Settings {
        listen: server.addr(),
        folder: folder.path().join("second"),
        credentials: credentials("a secret"),
        durability: emberkeep_store::Durability::Unsynced,
    };
    let error = emberkeep_store::embedded::EmbeddedS3::start(settings)
        .await
        .unwrap_err();
    assert!(error.to_string().starts_with(&format!(
        "the listen address is unavailable: {}: Address already in use",
        server.addr()
    )));
}

#[tokio::test]
async fn objects_survive_a_restart_of_the_server() {
    let folder = TempDir::new().unwrap();
    let first = server(&folder).await;
    let store = first.store(BUCKET).await.unwrap();
    let etag = store.put(&name("a"), "x".into(), Expect::Absent).await.unwrap();
    first.shutdown().await;
    let second = server(&folder).await;
    let store = second.store(BUCKET).await.unwrap();
    let again = store.put(&name("a"), "y".into(), Expect::Matches(etag)).await;
    assert!(again.is_ok(), "{again:?}");
}

#[tokio::test]
async fn invalid_settings_are_rejected() {
    let settings = S3Settings {
        prefix: "../up".to_owned(),
        ..S3Settings::bucket(BUCKET)
    };
    let error = Store::s3(settings).await.unwrap_err();
    assert!(matches!(error, StoreError::BadUrl { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_ignores_conditions_is_rejected() {
    let server = MisbehavingServer::start(Behaviour::IgnoresConditions).await;
    let error = server.store().await.require_conditional_writes().await.unwrap_err();
    let words =
        "does not honour conditional writes (it created an object twice): use a server that does, such as AWS S3";
    assert!(error.to_string().ends_with(words), "{error}");
}

/// The outcome of creating an object on that server.
async fn write_to(server: &MisbehavingServer) -> Result<ETag, StoreError> {
    let store = server.store().await;
    store.put(&name("a"), "x".into(), Expect::Absent).await
}

#[tokio::test]
async fn a_conflict_with_a_concurrent_write_is_retried() {
    let server = MisbehavingServer::start(Behaviour::ConflictsTwice).await;
    let outcome = write_to(&server).await;
    assert!(outcome.is_ok(), "{outcome:?}");
}

#[tokio::test]
async fn a_write_that_fails_its_condition_after_a_conflict_was_not_made() {
    let server = MisbehavingServer::start(Behaviour::ConflictsThenRefuses).await;
    let outcome = write_to(&server).await;
    assert!(
        matches!(outcome, Err(StoreError::PreconditionFailed { .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_write_that_may_have_been_overwritten_is_undecided() {
    let server = MisbehavingServer::start(Behaviour::ErrsThenRefuses).await;
    let error = write_to(&server).await.unwrap_err();
    assert!(!error.is_retryable());
    assert_eq!(
        error.to_string(),
        "outcome of the write to object a is unknown: the reply was lost, and the object has changed since"
    );
}

#[tokio::test]
async fn a_server_that_stays_overloaded_is_busy() {
    let server = MisbehavingServer::start(Behaviour::StaysOverloaded).await;
    let error = write_to(&server).await.unwrap_err();
    assert!(error.is_retryable());
    assert!(
        error.to_string().ends_with("is busy: SlowDown: too many requests"),
        "{error}"
    );
}
