//! A pod on real sockets whose service answers for keys, and a client that knows of no owners.
//!
//! A message is `KEY:WORD`; the word says what the owner of the key does with it.

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use emberkeep_core::assignment::Assignment;
use emberkeep_core::session_settings::SessionSettings;
use emberkeep_core::target::MisrouteMode;
use emberkeep_proto::convert::FromAssigner;
use emberkeep_runtime::channel::{ChannelSettings, channel_to};
use emberkeep_runtime::serve::{bind, incoming, server_builder};
use emberkeep_slicelet::{Slicelet, Store};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt};
use http::uri::PathAndQuery;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::server::{ClientStreamingService, NamedService, ServerStreamingService, UnaryService};
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::scripted::{ScriptedAssigner, ScriptedSession, soon, welcome};

/// A pod whose server runs in a runtime of its own, so that it can die at once with all its connections.
pub(crate) struct KeyedPod {
    pub(crate) slicelet: Slicelet,
    address: SocketAddr,
    service: Keyed,
    server: Option<Runtime>,
    session: ScriptedSession,
    _assigner: ScriptedAssigner,
    _folder: TempDir,
}

#[derive(Clone)]
struct Keyed {
    name: &'static str,
    slicelet: Slicelet,
    begun: Arc<Notify>,
    given_up: Arc<Notify>,
}

/// Tells when a request that hangs is dropped.
struct Hanging(Arc<Notify>);

impl KeyedPod {
    pub(crate) async fn start(name: &'static str, misroute: MisrouteMode) -> Self {
        let mut assigner = ScriptedAssigner::start().await;
        let folder = TempDir::new().unwrap();
        let server = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = server
            .spawn(bind("127.0.0.1:0".parse().unwrap()))
            .await
            .unwrap()
            .unwrap();
        let address = listener.local_addr().unwrap();
        let slicelet = Slicelet::builder("keyed")
            .assigner(&assigner.url)
            .advertise(address.to_string())
            .pod_name(name)
            .store(Store::folder(folder.path()).await.unwrap())
            .drain_on_sigterm(false)
            .start()
            .await
            .unwrap();
        let service = Keyed {
            name,
            slicelet: slicelet.clone(),
            begun: Arc::default(),
            given_up: Arc::default(),
        };
        let routes = server_builder()
            .layer(slicelet.forward_layer())
            .add_service(service.clone());
        server.spawn(routes.serve_with_incoming(incoming(listener)));
        let session = assigner.session().await;
        let welcome = SessionSettings { misroute, ..welcome() };
        session.tell(FromAssigner::Welcome(welcome)).await;
        Self {
            slicelet,
            address,
            service,
            server: Some(server),
            session,
            _assigner: assigner,
            _folder: folder,
        }
    }

    /// Goes by that assignment from now on.
    pub(crate) async fn told(&self, assignment: &Arc<Assignment>) {
        self.session.tell_full(assignment).await;
        let mut held = self.slicelet.assignment();
        let is_it = held.wait_for(|held| held.as_ref().is_some_and(|held| held.assignment == *assignment));
        soon(is_it).await.unwrap();
    }

    pub(crate) fn client(&self) -> Client {
        Client(channel_to(&self.address.to_string(), &ChannelSettings::default()).unwrap())
    }

    /// Waits until a request hangs.
    pub(crate) async fn begun(&self) {
        self.service.begun.notified().await;
    }

    /// Waits until a request that hung is dropped.
    pub(crate) async fn given_up(&self) {
        self.service.given_up.notified().await;
    }

    /// Dies without a word.
    pub(crate) fn kill(&mut self) {
        self.server.take().unwrap().shutdown_background();
    }
}

impl Drop for KeyedPod {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.shutdown_background();
        }
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// A channel to one pod.
pub(crate) struct Client(Channel);

impl Client {
    pub(crate) async fn ask(&mut self, message: &str) -> Result<Response<String>, Status> {
        self.send(Request::new(message.to_owned())).await
    }

    pub(crate) async fn send(&mut self, request: Request<String>) -> Result<Response<String>, Status> {
        let mut grpc = self.ready().await;
        grpc.unary(request, PathAndQuery::from_static("/test.Keyed/Ask"), codec())
            .await
    }

    pub(crate) async fn list(&mut self, message: &str) -> Result<Response<Streaming<String>>, Status> {
        let mut grpc = self.ready().await;
        let request = Request::new(message.to_owned());
        grpc.server_streaming(request, PathAndQuery::from_static("/test.Keyed/List"), codec())
            .await
    }

    /// Sends one message of a stream that it does not end.
    pub(crate) async fn gather(&mut self, message: &str) -> Result<Response<String>, Status> {
        let mut grpc = self.ready().await;
        let messages = stream::iter([message.to_owned()]).chain(stream::pending());
        grpc.client_streaming(
            Request::new(messages),
            PathAndQuery::from_static("/test.Keyed/Gather"),
            codec(),
        )
        .await
    }

    async fn ready(&self) -> Grpc<Channel> {
        let mut grpc = Grpc::new(self.0.clone()).max_encoding_message_size(usize::MAX);
        grpc.ready().await.unwrap();
        grpc
    }
}

fn codec() -> ProstCodec<String, String> {
    ProstCodec::default()
}

impl NamedService for Keyed {
    const NAME: &'static str = "test.Keyed";
}

impl tower::Service<http::Request<Body>> for Keyed {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let keyed = self.clone();
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(codec()).max_decoding_message_size(usize::MAX);
            Ok(match request.uri().path() {
                "/test.Keyed/List" => grpc.server_streaming(keyed, request).await,
                "/test.Keyed/Gather" => grpc.client_streaming(keyed, request).await,
                _ => grpc.unary(keyed, request).await,
            })
        })
    }
}

impl UnaryService<String> for Keyed {
    type Response = String;
    type Future = BoxFuture<'static, Result<Response<String>, Status>>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        let keyed = self.clone();
        Box::pin(async move {
            let (key, word) = request.get_ref().split_once(':').unwrap();
            keyed.slicelet.own(key)?;
            match word {
                "missing" => Err(Status::not_found(format!("there is no {key}"))),
                "timeout" => {
                    let timeout = request.metadata().get("grpc-timeout").unwrap();
                    Ok(Response::new(timeout.to_str().unwrap().to_owned()))
                }
                "hang" => {
                    let _hanging = Hanging(Arc::clone(&keyed.given_up));
                    keyed.begun.notify_one();
                    pending().await
                }
                _ => Ok(Response::new(keyed.name.to_owned())),
            }
        })
    }
}

impl ServerStreamingService<String> for Keyed {
    type Response = String;
    type ResponseStream = BoxStream<'static, Result<String, Status>>;
    type Future = BoxFuture<'static, Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        let keyed = self.clone();
        Box::pin(async move {
            let (key, _) = request.get_ref().split_once(':').unwrap();
            keyed.slicelet.own(key)?;
            let answers = (0..3).map(move |number| Ok(format!("{} {number}", keyed.name)));
            let end = Err(Status::aborted("that is all"));
            Ok(Response::new(stream::iter(answers.chain([end])).boxed()))
        })
    }
}

impl ClientStreamingService<String> for Keyed {
    type Response = String;
    type Future = BoxFuture<'static, Result<Response<String>, Status>>;

    fn call(&mut self, request: Request<Streaming<String>>) -> Self::Future {
        let keyed = self.clone();
        Box::pin(async move {
            let first = request.into_inner().message().await?.unwrap();
            let (key, _) = first.split_once(':').unwrap();
            keyed.slicelet.own(key)?;
            Ok(Response::new(keyed.name.to_owned()))
        })
    }
}
