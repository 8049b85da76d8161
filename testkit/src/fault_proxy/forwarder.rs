//! The path of one request: to the server, or into a fault.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::{ETAG, IF_NONE_MATCH};
use http::uri::{Authority, Scheme};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::{sleep, timeout};

use super::HttpFault;
use super::fault_schedule::FaultSchedule;
use super::http_fault::path_of;
use super::object_versions::{ObjectVersion, ObjectVersions, etag};
use super::reply::{ConnectionCut, ProxyReply, s3_error, streamed, truncated, whole};
use crate::deadline::DEADLINE;

#[derive(Debug)]
pub(super) struct FaultyForwarder {
    upstream: Authority,
    client: Client<HttpConnector, Incoming>,
    schedule: Mutex<FaultSchedule>,
    versions: Mutex<ObjectVersions>,
}

impl FaultyForwarder {
    pub(super) fn new(upstream: SocketAddr) -> Self {
        let authority = upstream.to_string().parse();
        Self {
            upstream: authority.expect("a socket address is an authority"),
            client: Client::builder(TokioExecutor::new()).build_http(),
            schedule: Mutex::default(),
            versions: Mutex::default(),
        }
    }

    pub(super) fn schedule(&self) -> MutexGuard<'_, FaultSchedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn versions(&self) -> MutexGuard<'_, ObjectVersions> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn answer(&self, request: Request<Incoming>) -> Result<ProxyReply, ConnectionCut> {
        let drawn = self.schedule().draw(&request);
        match drawn {
            None => self.forward(request).await,
            Some(fault) => self.inject(fault, request).await,
        }
    }

    async fn inject(&self, fault: HttpFault, request: Request<Incoming>) -> Result<ProxyReply, ConnectionCut> {
        let stale = (fault == HttpFault::StaleRead)
            .then(|| self.stale_version(&request))
            .flatten();
        if fault != HttpFault::StaleRead || stale.is_some() {
            self.schedule().on_injected(fault);
        }
        match fault {
            HttpFault::Delay(delay) => {
                // tidy: paces, does not wait
                sleep(delay).await;
                self.forward(request).await
            }
            HttpFault::InternalError => {
                receive_body(request).await?;
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Ok(s3_error(status, "InternalError", "we met an internal error, try again"))
            }
            HttpFault::SlowDown => {
                receive_body(request).await?;
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Ok(s3_error(status, "SlowDown", "reduce your request rate"))
            }
            HttpFault::CutBefore => Err(ConnectionCut),
            HttpFault::CutAfter => {
                with_body(self.send(request).await?).await?;
                Err(ConnectionCut)
            }
            HttpFault::CutBody => truncated(with_body(self.send(request).await?).await?),
            HttpFault::StaleRead => match stale {
                Some(version) => Ok(whole(version)),
                None => self.forward(request).await,
            },
        }
    }

    /// Returns the server's reply. Replies to reads are received whole, to be served again as stale reads.
    async fn forward(&self, request: Request<Incoming>) -> Result<ProxyReply, ConnectionCut> {
        let path = (request.method() == Method::GET).then(|| path_of(&request).to_owned());
        let reply = self.send(request).await?;
        match path {
            Some(path) if reply.status() == StatusCode::OK => {
                let reply = with_body(reply).await?;
                self.versions().on_read(&path, &reply);
                Ok(whole(reply))
            }
            _ => Ok(streamed(reply)),
        }
    }

    /// An older version, or 304 Not Modified if the client holds that version.
    fn stale_version<B>(&self, request: &Request<B>) -> Option<ObjectVersion> {
        let is_read = request.method() == Method::GET;
        let version = is_read.then(|| self.versions().older(path_of(request))).flatten()?;
        let tag = etag(&version)?.clone();
        if request.headers().get(IF_NONE_MATCH) != Some(&tag) {
            return Some(version);
        }
        let mut unchanged = Response::new(Bytes::new());
        *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
        unchanged.headers_mut().insert(ETAG, tag);
        Some(unchanged)
    }

    /// Sends a request to the server; if it cannot be reached, the client's connection is cut.
    async fn send(&self, request: Request<Incoming>) -> Result<Response<Incoming>, ConnectionCut> {
        let sent = self.client.request(self.addressed(request));
        let reply = timeout(DEADLINE, sent).await.map_err(|_| ConnectionCut)?;
        reply.map_err(|_| ConnectionCut)
    }

    /// The same request with the server's address in its URI, to which hyper's client connects; `Host` is unchanged.
    fn addressed(&self, mut request: Request<Incoming>) -> Request<Incoming> {
        let mut parts = request.uri().clone().into_parts();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.upstream.clone());
        *request.uri_mut() = Uri::from_parts(parts).expect("a request has a path");
        request
    }
}

/// Receives the whole request, because its client reads no answer before it has sent all.
async fn receive_body(request: Request<Incoming>) -> Result<(), ConnectionCut> {
    let read = timeout(DEADLINE, request.into_body().collect()).await;
    read.map_err(|_| ConnectionCut)?.map_err(|_| ConnectionCut).map(drop)
}

/// The reply with its whole body.
async fn with_body(reply: Response<Incoming>) -> Result<Response<Bytes>, ConnectionCut> {
    let (head, body) = reply.into_parts();
    let body = timeout(DEADLINE, body.collect()).await.map_err(|_| ConnectionCut)?;
    let body = body.map_err(|_| ConnectionCut)?.to_bytes();
    Ok(Response::from_parts(head, body))
}
