//! A pod on real sockets whose service owns keys, and a client without routing.
//!
//! A request is `KEY:COMMAND`; the command selects the action of the key's owner.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;

use emberkeep_core::assignment::Assignment;
use emberkeep_core::session_settings::SessionSettings;
use emberkeep_core::target::MisrouteMode;
use emberkeep_runtime::channel::{ChannelSettings, channel_to};
use emberkeep_runtime::serve::{bind, incoming, server_builder};
use emberkeep_slicelet::{Slicelet, Store};
use emberkeep_testkit::deadline::soon;
use emberkeep_testkit::killable_runtime::KillableRuntime;
use emberkeep_testkit::scripted_assigner::{ScriptedAssigner, ScriptedSession, welcome};
use emberkeep_testkit::string_service::{StringClient, StringHandler, StringService, StringStream};
use futures::FutureExt;
use futures::stream::{self, StreamExt};
use tempfile::TempDir;
use tokio::sync::Notify;
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};

/// A pod whose server can be killed with all its connections.
pub(crate) struct KeyedPod {
    pub(crate) slicelet: Slicelet,
    address: SocketAddr,
    service: KeyedService,
    server: KillableRuntime,
    session: ScriptedSession,
    _assigner: ScriptedAssigner,
    _folder: TempDir,
}

#[derive(Clone)]
struct KeyedService {
    name: &'static str,
    slicelet: Slicelet,
    request_hangs: Arc<Notify>,
    request_dropped: Arc<Notify>,
}

impl KeyedPod {
    pub(crate) async fn start(name: &'static str, misroute: MisrouteMode) -> Self {
        let mut assigner = ScriptedAssigner::start().await;
        let folder = TempDir::new().unwrap();
        let server = KillableRuntime::start();
        let listener = server.run(bind("127.0.0.1:0".parse().unwrap())).await.unwrap();
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
        let service = KeyedService {
            name,
            slicelet: slicelet.clone(),
            request_hangs: Arc::default(),
            request_dropped: Arc::default(),
        };
        let routes = server_builder()
            .layer(slicelet.forward_layer())
            .add_service(StringService(service.clone()));
        server.spawn(async { routes.serve_with_incoming(incoming(listener)).await.unwrap() });
        let session = assigner.welcome_with(SessionSettings { misroute, ..welcome() }).await;
        Self {
            slicelet,
            address,
            service,
            server,
            session,
            _assigner: assigner,
            _folder: folder,
        }
    }

    /// Has the slicelet apply an assignment.
    pub(crate) async fn apply(&self, assignment: &Arc<Assignment>) {
        self.session.send_assignment(assignment).await;
        let mut held = self.slicelet.assignment();
        let is_it = held.wait_for(|held| held.as_ref().is_some_and(|held| held.assignment == *assignment));
        soon(is_it).await.unwrap();
    }

    pub(crate) fn client(&self) -> KeyedClient {
        let channel = channel_to(&self.address.to_string(), &ChannelSettings::default());
        KeyedClient(StringClient::new(channel.unwrap()))
    }

    /// Whether a request has begun to hang since the last call.
    pub(crate) fn has_hung(&self) -> bool {
        self.service.request_hangs.notified().now_or_never().is_some()
    }

    /// Waits until a request hangs.
    pub(crate) async fn request_hangs(&self) {
        soon(self.service.request_hangs.notified()).await;
    }

    /// Waits until a request that hung is dropped.
    pub(crate) async fn request_dropped(&self) {
        soon(self.service.request_dropped.notified()).await;
    }

    /// Cuts all connections and closes the port.
    pub(crate) fn kill(&mut self) {
        self.server.kill();
    }
}

/// A client of one pod.
pub(crate) struct KeyedClient(StringClient<Channel>);

impl KeyedClient {
    pub(crate) async fn unary(&mut self, message: &str) -> Result<Response<String>, Status> {
        self.send(Request::new(message.to_owned())).await
    }

    pub(crate) async fn send(&mut self, request: Request<String>) -> Result<Response<String>, Status> {
        soon(self.0.unary(request)).await
    }

    pub(crate) async fn server_streaming(&mut self, message: &str) -> Result<Response<Streaming<String>>, Status> {
        soon(self.0.server_streaming(Request::new(message.to_owned()))).await
    }

    /// Sends one message of a stream that never ends.
    pub(crate) async fn client_streaming(&mut self, message: &str) -> Result<Response<String>, Status> {
        let messages = stream::iter([message.to_owned()]).chain(stream::pending());
        soon(self.0.client_streaming(messages)).await
    }
}

impl StringHandler for KeyedService {
    async fn unary(self, request: Request<String>) -> Result<Response<String>, Status> {
        let (key, command) = request.get_ref().split_once(':').unwrap();
        self.slicelet.own(key)?;
        match command {
            "missing" => Err(Status::not_found(format!("there is no {key}"))),
            "timeout" => {
                let timeout = request.metadata().get("grpc-timeout").unwrap();
                Ok(Response::new(timeout.to_str().unwrap().to_owned()))
            }
            "hang" => {
                let _guard = NotifyOnDrop(Arc::clone(&self.request_dropped));
                self.request_hangs.notify_one();
                pending().await
            }
            _ => Ok(Response::new(self.name.to_owned())),
        }
    }

    async fn server_streaming(self, request: Request<String>) -> Result<Response<StringStream>, Status> {
        let (key, _) = request.get_ref().split_once(':').unwrap();
        self.slicelet.own(key)?;
        let answers = (0..3).map(move |number| Ok(format!("{} {number}", self.name)));
        let end = Err(Status::aborted("that is all"));
        Ok(Response::new(stream::iter(answers.chain([end])).boxed()))
    }

    async fn client_streaming(self, request: Request<Streaming<String>>) -> Result<Response<String>, Status> {
        let first = request.into_inner().message().await?.unwrap();
        let (key, _) = first.split_once(':').unwrap();
        self.slicelet.own(key)?;
        Ok(Response::new(self.name.to_owned()))
    }
}

struct NotifyOnDrop(Arc<Notify>);

impl Drop for NotifyOnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}
