//! An HTTP/1.1 proxy in front of an S3 server that injects faults: errors, cut connections, delays, stale reads.
//!
//! A fault is injected into one request, at a known moment. The client's `Host` is forwarded unchanged, because signatures
//! cover it.
//!
//! ```no_run
//! # async fn example(server: std::net::SocketAddr) {
//! use emberkeep_testkit::fault_proxy::{FaultProxy, HttpFault, RandomFaults, RequestMatcher};
//!
//! let proxy = FaultProxy::start(server).await;
//! // The next write of this object is carried out, but its writer receives no reply.
//! proxy.inject(1, RequestMatcher::to("PUT", "/bucket/object"), HttpFault::CutAfter);
//! // All other requests meet random faults, the same in each run.
//! proxy.inject_at_random(RandomFaults::seeded(7).percent(5, HttpFault::SlowDown).percent(2, HttpFault::CutBody));
//! // A client uses `http://{proxy.addr()}` as its endpoint, then:
//! assert_eq!(proxy.injected().cuts_after, 1);
//! # }
//! ```

mod fault_schedule;
mod forwarder;
mod http_fault;
mod injected_faults;
mod listener;
mod object_versions;
mod reply;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub use self::fault_schedule::RandomFaults;
use self::forwarder::FaultyForwarder;
pub use self::http_fault::{HttpFault, RequestMatcher};
pub use self::injected_faults::InjectedFaults;

/// A running proxy; dropping it cuts its connections.
#[derive(Debug)]
pub struct FaultProxy {
    addr: SocketAddr,
    forwarder: Arc<FaultyForwarder>,
    _serving: JoinSet<()>,
}

impl FaultProxy {
    /// Starts a proxy on a free port of 127.0.0.1 that forwards everything to `upstream`.
    ///
    /// # Panics
    ///
    /// If there is no free port.
    pub async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("the loopback address has a free port");
        let addr = listener.local_addr().expect("a bound socket has an address");
        let forwarder = Arc::new(FaultyForwarder::new(upstream));
        let mut serving = JoinSet::new();
        serving.spawn(listener::serve(listener, Arc::clone(&forwarder)));
        Self {
            addr,
            forwarder,
            _serving: serving,
        }
    }

    /// The address at which the proxy listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The next `count` of these requests meet `fault`: after earlier calls whose count is not used up, and before random
    /// faults.
    pub fn inject(&self, count: usize, requests: RequestMatcher, fault: HttpFault) {
        self.forwarder.schedule().push(count, requests, fault);
    }

    /// From now on, requests meet these random faults, in place of earlier random ones.
    pub fn inject_at_random(&self, faults: RandomFaults) {
        self.forwarder.schedule().inject_at_random(faults);
    }

    /// From now on, everything is forwarded.
    pub fn heal(&self) {
        self.forwarder.schedule().heal();
    }

    /// The faults that were injected so far.
    pub fn injected(&self) -> InjectedFaults {
        self.forwarder.schedule().injected()
    }
}
