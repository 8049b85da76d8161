//! An S3 server that violates the protocol or its guarantees.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use emberkeep_store::{S3Settings, Store};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::dto::{ETag, HeadObjectInput, HeadObjectOutput, PutObjectInput, PutObjectOutput};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::backend::credentials;
use crate::bucket::BUCKET;

/// How the server misbehaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    IgnoresConditions,
    ConflictsTwice,
    ConflictsThenRefuses,
    ErrsThenRefuses,
    StaysOverloaded,
}

/// A server that only accepts puts and stores nothing; it reports every object as written by another client.
pub(crate) struct MisbehavingServer {
    addr: SocketAddr,
    _serving: JoinSet<()>,
}

impl MisbehavingServer {
    pub(crate) async fn start(behaviour: Behaviour) -> Self {
        let mut service = S3ServiceBuilder::new(Puts {
            behaviour,
            count: AtomicUsize::new(0),
        });
        service.set_auth(SimpleAuth::from_single("tester", "a secret"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, service.build()));
        Self {
            addr,
            _serving: serving,
        }
    }

    pub(crate) async fn store(&self) -> Store {
        let settings = S3Settings {
            endpoint: Some(format!("http://{}", self.addr)),
            path_style: true,
            credentials: Some(credentials("a secret")),
            ..S3Settings::bucket(BUCKET)
        };
        Store::s3(settings).await.unwrap()
    }
}

async fn serve(listener: TcpListener, service: S3Service) {
    let mut connections = JoinSet::new();
    while let Ok((connection, _)) = listener.accept().await {
        let service = service.clone();
        connections.spawn(async move {
            let _ = Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(connection), service)
                .await;
        });
    }
}

struct Puts {
    behaviour: Behaviour,
    count: AtomicUsize,
}

#[async_trait::async_trait]
impl S3 for Puts {
    async fn head_object(&self, _: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        Ok(S3Response::new(HeadObjectOutput::default()))
    }

    async fn put_object(&self, _: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        match self.behaviour {
            Behaviour::StaysOverloaded => Err(s3_error!(SlowDown, "too many requests")),
            Behaviour::ConflictsTwice if count < 2 => Err(s3_error!(ConditionalRequestConflict)),
            Behaviour::ConflictsThenRefuses if count == 0 => Err(s3_error!(ConditionalRequestConflict)),
            Behaviour::ErrsThenRefuses if count == 0 => Err(s3_error!(InternalError)),
            Behaviour::ConflictsThenRefuses | Behaviour::ErrsThenRefuses => Err(s3_error!(PreconditionFailed)),
            Behaviour::ConflictsTwice | Behaviour::IgnoresConditions => {
                let e_tag = Some(ETag::Strong(count.to_string()));
                Ok(S3Response::new(PutObjectOutput {
                    e_tag,
                    ..Default::default()
                }))
            }
        }
    }
}
