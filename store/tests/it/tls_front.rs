//! A TLS proxy in front of a server, with a certificate of a private authority.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Terminates TLS and forwards the plain bytes.
pub(crate) struct TlsFront {
    pub(crate) addr: SocketAddr,
    folder: TempDir,
    _serving: JoinSet<()>,
}

impl TlsFront {
    /// A proxy whose certificate is valid for `host`.
    pub(crate) async fn start(server: SocketAddr, host: &str) -> Self {
        let authority = authority();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([host.to_owned()]).unwrap();
        let certificate = certificate.signed_by(&key, &authority).unwrap();
        let tls = acceptor(certificate.der().clone(), key.serialize_der().try_into().unwrap());

        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, tls, server));
        Self {
            addr,
            folder,
            _serving: serving,
        }
    }

    /// The `https://` URL of the proxy.
    pub(crate) fn endpoint(&self) -> String {
        format!("https://{}", self.addr)
    }

    /// The certificate of the authority.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn acceptor(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> TlsAcceptor {
    let settings = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    Arc::new(settings).into()
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, server: SocketAddr) {
    let mut connections = JoinSet::new();
    while let Ok((connection, _)) = listener.accept().await {
        let tls = tls.clone();
        connections.spawn(async move {
            // Here a client closes the connection if it does not trust the certificate.
            if let Ok(mut outside) = tls.accept(connection).await {
                let mut inside = TcpStream::connect(server).await.unwrap();
                let _ = copy_bidirectional(&mut outside, &mut inside).await;
            }
        });
    }
}
