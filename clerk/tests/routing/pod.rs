//! A pod with one unary method, which answers with the pod's name and can be made to behave badly.

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use emberkeep_core::pod::{Incarnation, Pod, PodAddress, PodName, Weight};
use emberkeep_proto::convert::{NotOwner, not_owner_status};
use emberkeep_runtime::serve::{bind, incoming, server_builder};
use futures::future::BoxFuture;
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::server::{NamedService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

/// What a pod does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Behaviour {
    /// Answers with its name.
    Answer,
    /// Answers with its name, which stands for the answer of the owner that it has sent the request on to.
    SendOn(NotOwner),
    /// Says that it does not own the key.
    Refuse(NotOwner),
    /// Never answers.
    Hang,
}

/// A pod that runs in a runtime of its own, so that it can die at once with all its connections.
pub(crate) struct TestPod {
    pub(crate) pod: Pod,
    service: Echo,
    runtime: Option<Runtime>,
}

#[derive(Clone)]
struct Echo {
    name: String,
    behaviour: Arc<Mutex<Behaviour>>,
    requests: Arc<AtomicU64>,
    received: Arc<Notify>,
}

impl TestPod {
    pub(crate) fn start(name: &str) -> Self {
        let service = Echo {
            name: name.to_owned(),
            behaviour: Arc::new(Mutex::new(Behaviour::Answer)),
            requests: Arc::default(),
            received: Arc::default(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (address, listening) = std::sync::mpsc::channel();
        let echo = service.clone();
        runtime.spawn(async move {
            let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
            address.send(listener.local_addr().unwrap()).unwrap();
            let server = server_builder().add_service(echo);
            server.serve_with_incoming(incoming(listener)).await.unwrap();
        });
        Self {
            pod: pod_at(name, listening.recv().unwrap()),
            service,
            runtime: Some(runtime),
        }
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *self.service.behaviour.lock().unwrap() = behaviour;
    }

    /// How many requests it got.
    pub(crate) fn requests(&self) -> u64 {
        self.service.requests.load(SeqCst)
    }

    /// Waits until it gets a request.
    pub(crate) async fn received(&self) {
        self.service.received.notified().await;
    }

    /// Dies without a word: connections are cut, and nobody listens any more.
    pub(crate) fn kill(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

impl Drop for TestPod {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A pod that nobody listens for, as long as its socket keeps the port from others.
pub(crate) fn dead_pod(name: &str) -> (Pod, TcpSocket) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    (pod_at(name, socket.local_addr().unwrap()), socket)
}

/// A pod at an address, of which nothing else matters.
fn pod_at(name: &str, address: SocketAddr) -> Pod {
    Pod {
        name: PodName::try_new(name).unwrap(),
        incarnation: Incarnation(address.port().into()),
        address: PodAddress::try_new(&address.to_string()).unwrap(),
        zone: "".into(),
        weight: Weight::ONE,
        memory_capacity: None,
    }
}

impl NamedService for Echo {
    const NAME: &'static str = "test.Echo";
}

impl tower::Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let echo = self.clone();
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<String, String>::default());
            Ok(grpc.unary(echo, request).await)
        })
    }
}

impl UnaryService<String> for Echo {
    type Response = String;
    type Future = BoxFuture<'static, Result<Response<String>, Status>>;

    fn call(&mut self, _: Request<String>) -> Self::Future {
        let echo = self.clone();
        Box::pin(async move {
            echo.requests.fetch_add(1, SeqCst);
            echo.received.notify_one();
            let behaviour = echo.behaviour.lock().unwrap().clone();
            match behaviour {
                Behaviour::Answer => Ok(Response::new(echo.name)),
                Behaviour::SendOn(not_owner) => {
                    let mut headers = http::HeaderMap::new();
                    not_owner.insert_into(&mut headers);
                    let (headers, extensions) = (MetadataMap::from_headers(headers), http::Extensions::new());
                    Ok(Response::from_parts(headers, echo.name, extensions))
                }
                Behaviour::Refuse(not_owner) => Err(not_owner_status(&not_owner)),
                Behaviour::Hang => pending().await,
            }
        })
    }
}
