//! A client of a server whose certificate is signed by a private authority.

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
use emberkeep_store::{Expect, NameRange, S3Settings, Store, StoreError};
use tempfile::TempDir;

use crate::backend::{credentials, server};
use crate::bucket::BUCKET;
use crate::reads_and_writes::{content, name};
use crate::tls_front::TlsFront;

async fn store(endpoint: String, ca_file: Option<PathBuf>) -> Result<Store, StoreError> {
    let settings = S3Settings {
        endpoint: Some(endpoint),
        path_style: true,
        ca_file,
        credentials: Some(credentials("a secret")),
        ..S3Settings::bucket(BUCKET)
    };
    Store::s3(settings).await
}

/// The error of a write by a client that trusts only the system's authorities and those of `ca_file`.
async fn put_error(endpoint: String, ca_file: Option<PathBuf>) -> StoreError {
    let store = store(endpoint, ca_file).await.unwrap();
    let put = store.put(&name("a"), "x".into(), Expect::Absent).await;
    put.expect_err("the connection is not trusted")
}

#[tokio::test]
async fn a_client_that_knows_the_authority_reads_writes_and_lists() {
    let folder = TempDir::new().unwrap();
    let server = server(&folder).await;
    let front = TlsFront::start(server.addr(), "127.0.0.1").await;
    let store = store(front.endpoint(), Some(front.ca_file())).await.unwrap();
    store.require_conditional_writes().await.unwrap();

    let large: Bytes = (0..(17u32 << 20) / 4).flat_map(u32::to_le_bytes).collect();
    for (text, bytes) in [("large", large), ("small", Bytes::from("x"))] {
        let etag = store.put(&name(text), bytes.clone(), Expect::Absent).await.unwrap();
        assert!(content(&store, &name(text)).await == (bytes, etag), "{text} differs");
    }
    let page = store.list(&NameRange::all(), 10).await.unwrap();
    let names: Vec<_> = page.objects.into_iter().map(|object| object.name).collect();
    assert_eq!(names, [name("large"), name("small")]);
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_rejected() {
    let folder = TempDir::new().unwrap();
    let server = server(&folder).await;
    let front = TlsFront::start(server.addr(), "127.0.0.1").await;
    let error = put_error(front.endpoint(), None).await;
    assert!(!error.is_retryable());
    let expected = format!(
        "no TLS connection to s3://state at {}: the certificate is not signed by a trusted authority, \
         set ca_file to the certificate of its authority",
        front.endpoint()
    );
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_certificate_for_another_host_is_rejected() {
    let folder = TempDir::new().unwrap();
    let server = server(&folder).await;
    let front = TlsFront::start(server.addr(), "localhost").await;
    let error = put_error(front.endpoint(), Some(front.ca_file())).await;
    assert!(matches!(error, StoreError::NotSecure { .. }), "{error}");
    assert!(
        error.to_string().contains("not valid for name \"127.0.0.1\""),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_without_tls_is_reported() {
    let folder = TempDir::new().unwrap();
    let server = server(&folder).await;
    let endpoint = format!("https://{}", server.addr());
    let error = put_error(endpoint.clone(), None).await;
    let expected = format!(
        "no TLS connection to s3://state at {endpoint}: the server does not speak TLS, write http:// for a server without TLS"
    );
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_server_that_requires_tls_is_reported() {
    let folder = TempDir::new().unwrap();
    let server = server(&folder).await;
    let front = TlsFront::start(server.addr(), "127.0.0.1").await;
    let error = put_error(format!("http://{}", front.addr), None).await;
    let expected = format!(
        "unexpected reply from s3://state at http://{}: it is not HTTP (invalid HTTP version parsed), \
         write https:// for a server with TLS",
        front.addr
    );
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_ca_file_without_certificates_is_rejected() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("ca.pem");
    let rejected = async || {
        let outcome = store("https://127.0.0.1:1".to_owned(), Some(path.clone())).await;
        outcome.expect_err("the file is invalid").to_string()
    };
    let missing = rejected().await;
    let words = format!("has the ca_file {path:?}, which cannot be read: No such file or directory");
    assert!(missing.contains(&words), "{missing}");
    fs::write(&path, "no certificate").unwrap();
    assert!(rejected().await.ends_with("which contains no PEM certificate"));
    fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    assert!(
        rejected()
            .await
            .ends_with("which contains an invalid certificate: invalid peer certificate: BadEncoding")
    );
}
