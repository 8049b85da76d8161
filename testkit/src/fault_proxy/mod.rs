//! A proxy in front of an S3 server that injects faults: errors, cut connections, delays, stale reads.
//!
//! It understands HTTP/1.1, so that a fault strikes one request, and at a known moment of it. The client's `Host` goes through
//! unchanged, because signatures cover it.
//!
//! ```no_run
//! # async fn example(server: std::net::SocketAddr) {
//! use emberkeep_testkit::fault_proxy::{Fault, FaultProxy, RandomFaults, Requests};
//!
//! let proxy = FaultProxy::start(server).await;
//! // The next write of this object is carried out, but its writer never hears of it.
//! proxy.strike(1, Requests::to("PUT", "/bucket/object"), Fault::CutAfter);
//! // Everything else suffers by chance, and in the same way each time.
//! proxy.strike_at_random(RandomFaults::seeded(7).percent(5, Fault::SlowDown).percent(2, Fault::CutBody));
//! // A client uses `http://{proxy.addr()}` as its endpoint, then:
//! assert_eq!(proxy.injected().cuts_after, 1);
//! # }
//! ```

mod fault;
mod forwarding;
mod injected;
mod listener;
mod memory;
mod plan;
mod reply;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub use self::fault::{Fault, Requests};
use self::forwarding::Forwarding;
pub use self::injected::Injected;
pub use self::plan::RandomFaults;

/// A running proxy; it stops, and cuts its connections, when this is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    addr: SocketAddr,
    forwarding: Arc<Forwarding>,
    _serving: JoinSet<()>,
}

impl FaultProxy {
    /// Starts a proxy on a free port of 127.0.0.1 that passes everything on to `upstream`, until told otherwise.
    ///
    /// # Panics
    ///
    /// If there is no free port.
    pub async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("the loopback address has a free port");
        let addr = listener.local_addr().expect("a bound socket has an address");
        let forwarding = Arc::new(Forwarding::new(upstream));
        let mut serving = JoinSet::new();
        serving.spawn(listener::serve(listener, Arc::clone(&forwarding)));
        Self {
            addr,
            forwarding,
            _serving: serving,
        }
    }

    /// Where the proxy listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The next `count` of these requests meet `fault`.
    ///
    /// Of several such orders, the oldest that has requests left comes first; all of them come before random faults.
    pub fn strike(&self, count: usize, requests: Requests, fault: Fault) {
        self.forwarding.plan().strike(count, requests, fault);
    }

    /// From now on, requests meet faults by chance; replaces the random faults there were.
    pub fn strike_at_random(&self, faults: RandomFaults) {
        self.forwarding.plan().strike_at_random(faults);
    }

    /// From now on, everything passes.
    pub fn calm(&self) {
        self.forwarding.plan().calm();
    }

    /// What was injected so far.
    pub fn injected(&self) -> Injected {
        self.forwarding.plan().injected()
    }
}
