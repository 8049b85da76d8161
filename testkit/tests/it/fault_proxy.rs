//! The effect of each fault on a request, at its client and at its server.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use emberkeep_runtime::http_get::exchange;
use emberkeep_testkit::fault_proxy::{FaultProxy, HttpFault, InjectedFaults, RequestMatcher};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A server that numbers its answers, behind a proxy.
struct ProxiedServer {
    proxy: FaultProxy,
    request_count: Arc<AtomicU32>,
    _serving: JoinSet<()>,
}

impl ProxiedServer {
    async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let proxy = FaultProxy::start(listener.local_addr().unwrap()).await;
        let request_count = Arc::new(AtomicU32::new(0));
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, Arc::clone(&request_count)));
        Self {
            proxy,
            request_count,
            _serving: serving,
        }
    }

    /// The answer to a read of `path`, as far as it arrives.
    async fn get(&self, path: &str) -> String {
        get(self.proxy.addr(), path, "").await
    }

    fn request_count(&self) -> u32 {
        self.request_count.load(Ordering::SeqCst)
    }
}

async fn serve(listener: TcpListener, request_count: Arc<AtomicU32>) {
    let mut connections = JoinSet::new();
    while let Ok((connection, _)) = listener.accept().await {
        let request_count = Arc::clone(&request_count);
        connections.spawn(async move {
            let answer = service_fn(|request| answer(request, &request_count));
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(connection), answer)
                .await;
        });
    }
}

async fn answer(request: Request<Incoming>, request_count: &AtomicU32) -> Result<Response<Full<Bytes>>, Infallible> {
    let number = 1 + request_count.fetch_add(1, Ordering::SeqCst);
    let host = request.headers()["host"].to_str().unwrap();
    let body = format!("answer {number} to {host}");
    let answer = Response::builder().header("etag", format!("\"{number}\""));
    Ok(answer.body(body.into()).unwrap())
}

async fn get(proxy: SocketAddr, path: &str, header: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: store.example\r\n{header}Connection: close\r\n\r\n");
    let mut answer = Vec::new();
    // A connection that is cut ends with an error, or just ends.
    let _ = exchange(&proxy.to_string(), &request, &mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_request_is_forwarded_with_the_host_that_its_client_named() {
    let server = ProxiedServer::start().await;
    let answer = server.get("/a").await;
    assert!(answer.ends_with("\r\n\r\nanswer 1 to store.example"), "{answer}");
    assert_eq!(server.proxy.injected(), InjectedFaults::default());
}

#[tokio::test]
async fn a_request_is_carried_out_if_its_connection_is_cut_after_it_and_not_if_before() {
    let server = ProxiedServer::start().await;
    for (fault, request_count) in [(HttpFault::CutBefore, 0), (HttpFault::CutAfter, 1)] {
        server.proxy.inject(1, RequestMatcher::any(), fault);
        assert_eq!(server.get("/a").await, "", "{fault:?}");
        assert_eq!(server.request_count(), request_count, "{fault:?}");
    }
}

#[tokio::test]
async fn a_body_is_cut_in_the_middle() {
    let server = ProxiedServer::start().await;
    server.proxy.inject(1, RequestMatcher::any(), HttpFault::CutBody);
    let answer = server.get("/a").await;
    assert!(answer.contains("content-length: 25\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nanswer 1 to "), "{answer}");
}

#[tokio::test]
async fn errors_have_the_format_of_s3_and_the_request_is_not_carried_out() {
    let server = ProxiedServer::start().await;
    for (fault, status, code) in [
        (HttpFault::InternalError, "HTTP/1.1 500 ", "<Code>InternalError</Code>"),
        (HttpFault::SlowDown, "HTTP/1.1 503 ", "<Code>SlowDown</Code>"),
    ] {
        server.proxy.inject(1, RequestMatcher::any(), fault);
        let answer = server.get("/a").await;
        assert!(answer.starts_with(status) && answer.contains(code), "{answer}");
    }
    assert_eq!(server.request_count(), 0);
}

#[tokio::test]
async fn a_delayed_request_is_carried_out_later() {
    let server = ProxiedServer::start().await;
    let delay = Duration::from_millis(20);
    server.proxy.inject(1, RequestMatcher::any(), HttpFault::Delay(delay));
    let begin = Instant::now();
    let answer = server.get("/a").await;
    assert!(answer.ends_with("answer 1 to store.example"), "{answer}");
    assert!(begin.elapsed() >= delay);
}

#[tokio::test]
async fn a_stale_read_returns_an_earlier_version_of_the_same_path() {
    let server = ProxiedServer::start().await;
    server
        .proxy
        .inject(1, RequestMatcher::to("GET", "/a"), HttpFault::StaleRead);
    for number in [1, 2] {
        let answer = server.get("/a").await;
        assert!(answer.contains(&format!("answer {number} ")), "{answer}");
    }
    assert_eq!(server.proxy.injected().total(), 0, "no earlier version was read");

    server
        .proxy
        .inject(2, RequestMatcher::to("GET", "/a"), HttpFault::StaleRead);
    let stale = server.get("/a").await;
    assert!(
        stale.contains("etag: \"1\"\r\n") && stale.contains("answer 1 "),
        "{stale}"
    );
    let header = "If-None-Match: \"1\"\r\n";
    let unchanged = get(server.proxy.addr(), "/a", header).await;
    assert!(unchanged.starts_with("HTTP/1.1 304 "), "{unchanged}");
    assert_eq!((server.proxy.injected().stale_reads, server.request_count()), (2, 2));
}

#[tokio::test]
async fn requests_that_do_not_match_are_forwarded() {
    let server = ProxiedServer::start().await;
    server
        .proxy
        .inject(1, RequestMatcher::to("GET", "/a"), HttpFault::CutBefore);
    server
        .proxy
        .inject(1, RequestMatcher::to("PUT", "/"), HttpFault::CutBefore);
    assert!(server.get("/b").await.contains("answer 1 "));
    assert_eq!(server.get("/a?part").await, "");
}
