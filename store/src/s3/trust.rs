//! The trusted certificate authorities of a TLS connection: those of the system, and those of a file.

use std::path::Path;

use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::S3Settings;
use crate::StoreError;

/// The TLS configuration of the settings. The file is validated here, because the SDK panics on an invalid one at the first request.
pub(super) async fn of(settings: &S3Settings) -> Result<TlsContext, StoreError> {
    let mut trusted = TrustStore::default();
    if let Some(path) = &settings.ca_file {
        let pem = read(path).await.map_err(|reason| StoreError::BadUrl {
            url: settings.to_string(),
            reason,
        })?;
        trusted.add_pem_certificate(pem);
    }
    let context = TlsContext::builder().with_trust_store(trusted).build();
    Ok(context.expect("a trust store is a complete TLS configuration"))
}

async fn read(path: &Path) -> Result<Vec<u8>, String> {
    let named = format!("has the ca_file {path:?}");
    let pem = tokio::fs::read(path).await;
    let pem = pem.map_err(|error| format!("{named}, which cannot be read: {error}"))?;
    match certificate_count(&pem) {
        Ok(1..) => Ok(pem),
        Ok(0) => Err(format!("{named}, which contains no PEM certificate")),
        Err(fault) => Err(format!("{named}, which contains an invalid certificate: {fault}")),
    }
}

fn certificate_count(pem: &[u8]) -> Result<usize, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    Ok(roots.len())
}
