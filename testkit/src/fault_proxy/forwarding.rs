//! One request on its way: to the server, or into a fault.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

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

use super::Fault;
use super::fault::path_of;
use super::memory::{Memory, Version, etag};
use super::plan::Plan;
use super::reply::{Cut, Reply, broken, refusal, streamed, whole};

/// How long the server may take for the head of its reply, or for a body that is to be held whole.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Forwarding {
    upstream: Authority,
    client: Client<HttpConnector, Incoming>,
    plan: Mutex<Plan>,
    memory: Mutex<Memory>,
}

impl Forwarding {
    pub(super) fn new(upstream: SocketAddr) -> Self {
        let authority = upstream.to_string().parse();
        Self {
            upstream: authority.expect("a socket address is an authority"),
            client: Client::builder(TokioExecutor::new()).build_http(),
            plan: Mutex::default(),
            memory: Mutex::default(),
        }
    }

    pub(super) fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn answer(&self, request: Request<Incoming>) -> Result<Reply, Cut> {
        let drawn = self.plan().draw(&request);
        match drawn {
            None => self.passed(request).await,
            Some(fault) => self.struck(fault, request).await,
        }
    }

    async fn struck(&self, fault: Fault, request: Request<Incoming>) -> Result<Reply, Cut> {
        let stale = (fault == Fault::StaleRead).then(|| self.stale(&request)).flatten();
        if fault != Fault::StaleRead || stale.is_some() {
            self.plan().count(fault);
        }
        match fault {
            Fault::Delay(delay) => {
                // tidy: paces, does not wait
                sleep(delay).await;
                self.passed(request).await
            }
            Fault::InternalError => {
                received(request).await?;
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Ok(refusal(status, "InternalError", "we met an internal error, try again"))
            }
            Fault::SlowDown => {
                received(request).await?;
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Ok(refusal(status, "SlowDown", "reduce your request rate"))
            }
            Fault::CutBefore => Err(Cut),
            Fault::CutAfter => {
                held(self.forwarded(request).await?).await?;
                Err(Cut)
            }
            Fault::CutBody => broken(held(self.forwarded(request).await?).await?),
            Fault::StaleRead => match stale {
                Some(version) => Ok(whole(version)),
                None => self.passed(request).await,
            },
        }
    }

    /// The server's own reply. Those to reads are held whole, to be served again when they are stale.
    async fn passed(&self, request: Request<Incoming>) -> Result<Reply, Cut> {
        let path = (request.method() == Method::GET).then(|| path_of(&request).to_owned());
        let reply = self.forwarded(request).await?;
        match path {
            Some(path) if reply.status() == StatusCode::OK => {
                let reply = held(reply).await?;
                self.memory().note(&path, &reply);
                Ok(whole(reply))
            }
            _ => Ok(streamed(reply)),
        }
    }

    /// An older version, or that it has not changed if the client has that very version.
    fn stale<B>(&self, request: &Request<B>) -> Option<Version> {
        let is_read = request.method() == Method::GET;
        let version = is_read.then(|| self.memory().older(path_of(request))).flatten()?;
        let tag = etag(&version)?.clone();
        if request.headers().get(IF_NONE_MATCH) != Some(&tag) {
            return Some(version);
        }
        let mut unchanged = Response::new(Bytes::new());
        *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
        unchanged.headers_mut().insert(ETAG, tag);
        Some(unchanged)
    }

    /// Sends a request to the server. A server that cannot be reached is a connection that is cut.
    async fn forwarded(&self, request: Request<Incoming>) -> Result<Response<Incoming>, Cut> {
        let sent = self.client.request(self.addressed(request));
        let reply = timeout(PATIENCE, sent).await.map_err(|_| Cut)?;
        reply.map_err(|_| Cut)
    }

    /// The same request with the server's address in its URI, which tells the client where to connect; `Host` stays.
    fn addressed(&self, mut request: Request<Incoming>) -> Request<Incoming> {
        let mut parts = request.uri().clone().into_parts();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.upstream.clone());
        *request.uri_mut() = Uri::from_parts(parts).expect("a request has a path");
        request
    }
}

/// Reads a request to its end, so that its client is ready for an answer.
async fn received(request: Request<Incoming>) -> Result<(), Cut> {
    let read = timeout(PATIENCE, request.into_body().collect()).await;
    read.map_err(|_| Cut)?.map_err(|_| Cut).map(drop)
}

/// A reply with its whole body.
async fn held(reply: Response<Incoming>) -> Result<Response<Bytes>, Cut> {
    let (head, body) = reply.into_parts();
    let body = timeout(PATIENCE, body.collect()).await.map_err(|_| Cut)?;
    let body = body.map_err(|_| Cut)?.to_bytes();
    Ok(Response::from_parts(head, body))
}
