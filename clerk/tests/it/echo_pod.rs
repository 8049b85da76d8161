//! A pod with one unary method that returns the pod's name, unless the test selects a failure.

use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use emberkeep_core::pod::Pod;
use emberkeep_proto::convert::{NotOwner, not_owner_status};
use emberkeep_runtime::serve::{bind, incoming, server_builder};
use emberkeep_testkit::address::RefusingAddress;
use emberkeep_testkit::deadline::soon;
use emberkeep_testkit::killable_runtime::KillableRuntime;
use emberkeep_testkit::pod::pod_at;
use emberkeep_testkit::string_service::{StringHandler, StringService};
use tokio::sync::Notify;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

/// The reaction of a pod to a request.
#[derive(Debug, Clone)]
pub(crate) enum PodBehaviour {
    /// Answers with its name.
    Answer,
    /// Answers with its name and names the owner, like a pod that has forwarded the request.
    Forward(NotOwner),
    /// Rejects the request with `NotOwner`.
    Reject(NotOwner),
    /// Accepts the request and never answers.
    Hang,
}

/// A pod in a runtime of its own, so that it can be killed with all its connections.
pub(crate) struct EchoPod {
    pub(crate) pod: Pod,
    handler: EchoHandler,
    runtime: KillableRuntime,
}

#[derive(Clone)]
struct EchoHandler {
    name: String,
    behaviour: Arc<Mutex<PodBehaviour>>,
    request_count: Arc<AtomicU64>,
    traceparents: Arc<Mutex<Vec<String>>>,
    received: Arc<Notify>,
}

impl EchoPod {
    pub(crate) async fn start(name: &str) -> Self {
        let handler = EchoHandler {
            name: name.to_owned(),
            behaviour: Arc::new(Mutex::new(PodBehaviour::Answer)),
            request_count: Arc::default(),
            traceparents: Arc::default(),
            received: Arc::default(),
        };
        let runtime = KillableRuntime::start();
        let listener = runtime.run(bind("127.0.0.1:0".parse().unwrap())).await.unwrap();
        let pod = pod_at(name, listener.local_addr().unwrap());
        let server = server_builder().add_service(StringService(handler.clone()));
        runtime.spawn(server.serve_with_incoming(incoming(listener)));
        Self { pod, handler, runtime }
    }

    pub(crate) fn behave(&self, behaviour: PodBehaviour) {
        *self.handler.behaviour.lock().unwrap() = behaviour;
    }

    /// The number of requests received.
    pub(crate) fn request_count(&self) -> u64 {
        self.handler.request_count.load(SeqCst)
    }

    /// The trace context of each request received.
    pub(crate) fn traceparents(&self) -> Vec<String> {
        self.handler.traceparents.lock().unwrap().clone()
    }

    /// Waits until it receives a request.
    pub(crate) async fn received(&self) {
        soon(self.handler.received.notified()).await;
    }

    /// Cuts all connections and closes the port.
    pub(crate) fn kill(&mut self) {
        self.runtime.kill();
    }
}

/// A pod that refuses connections; its address stays reserved until it is dropped.
pub(crate) fn dead_pod(name: &str) -> (Pod, RefusingAddress) {
    let address = RefusingAddress::bind();
    (pod_at(name, address.address()), address)
}

impl StringHandler for EchoHandler {
    async fn unary(self, request: Request<String>) -> Result<Response<String>, Status> {
        if let Some(traceparent) = request.metadata().get("traceparent") {
            let traceparent = traceparent.to_str().unwrap().to_owned();
            self.traceparents.lock().unwrap().push(traceparent);
        }
        self.request_count.fetch_add(1, SeqCst);
        self.received.notify_one();
        let behaviour = self.behaviour.lock().unwrap().clone();
        match behaviour {
            PodBehaviour::Answer => Ok(Response::new(self.name)),
            PodBehaviour::Forward(not_owner) => {
                let mut headers = http::HeaderMap::new();
                not_owner.insert_into(&mut headers);
                let (headers, extensions) = (MetadataMap::from_headers(headers), http::Extensions::new());
                Ok(Response::from_parts(headers, self.name, extensions))
            }
            PodBehaviour::Reject(not_owner) => Err(not_owner_status(&not_owner)),
            PodBehaviour::Hang => pending().await,
        }
    }
}
