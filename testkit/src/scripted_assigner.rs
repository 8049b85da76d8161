//! A scripted assigner: a gRPC server to which slicelets open sessions, on which the test sends every message.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assignment::{Assignment, Update};
use emberkeep_core::session_settings::SessionSettings;
use emberkeep_core::target::{KeyMode, MisrouteMode, OwnershipMode};
use emberkeep_proto::convert::{FromAssigner, FromSlicelet, Registration};
use emberkeep_proto::pb::slicelet_session_server::{SliceletSession, SliceletSessionServer};
use emberkeep_proto::pb::{SessionRequest, SessionResponse};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};

use crate::deadline::soon;
use crate::grpc_server::serve;

/// How many sessions, or messages of a session, wait for the test.
const QUEUE_LENGTH: usize = 16;

/// Accepts sessions until it is dropped.
#[derive(Debug)]
pub struct ScriptedAssigner {
    /// Where it listens, as `http://host:port`.
    pub url: String,
    sessions: mpsc::Receiver<ScriptedSession>,
    _stop_on_drop: DropGuard,
}

/// One session of a slicelet, open until dropped.
#[derive(Debug)]
pub struct ScriptedSession {
    /// The slicelet's first message.
    pub registration: Registration,
    requests: Streaming<SessionRequest>,
    responses: mpsc::Sender<Result<SessionResponse, Status>>,
}

impl ScriptedAssigner {
    /// Listens at a free port of this machine.
    pub async fn start() -> Self {
        let (opened, sessions) = mpsc::channel(QUEUE_LENGTH);
        let stop = CancellationToken::new();
        let service = SliceletSessionServer::new(SessionQueue { opened });
        let address = serve(Routes::new(service), stop.clone()).await;
        Self {
            url: format!("http://{address}"),
            sessions,
            _stop_on_drop: stop.drop_guard(),
        }
    }

    /// The next session that a slicelet opens; no message has been sent on it.
    pub async fn next_session(&mut self) -> ScriptedSession {
        soon(self.sessions.recv()).await.expect("the assigner is listening")
    }

    /// The next session, once a welcome with the default settings has been sent.
    pub async fn welcome(&mut self) -> ScriptedSession {
        self.welcome_with(welcome()).await
    }

    /// The next session, once this welcome has been sent.
    pub async fn welcome_with(&mut self, welcome: SessionSettings) -> ScriptedSession {
        let session = self.next_session().await;
        session.send(FromAssigner::Welcome(welcome)).await;
        session
    }
}

/// The default settings of a session: heartbeats and load reports every 50 ms, so that no test waits long for one.
pub fn welcome() -> SessionSettings {
    SessionSettings {
        key_mode: KeyMode::Hashed,
        ownership: OwnershipMode::Affinity,
        heartbeat_interval: Duration::from_millis(50),
        load_report_interval: Duration::from_millis(50),
        drain_timeout: Duration::from_secs(60),
        warm_share_thousandths: 950,
        misroute: MisrouteMode::Redirect,
    }
}

impl ScriptedSession {
    /// Sends a message to the slicelet.
    ///
    /// # Panics
    /// If the session is closed.
    pub async fn send(&self, message: FromAssigner) {
        let sent = self.responses.send(Ok(SessionResponse::from(&message))).await;
        sent.expect("the session is open");
    }

    /// Sends a whole assignment.
    pub async fn send_assignment(&self, assignment: &Arc<Assignment>) {
        self.send(FromAssigner::Update(Update::Full(Arc::clone(assignment))))
            .await;
    }

    /// Ends the session with an error.
    pub async fn fail(self, status: Status) {
        let sent = self.responses.send(Err(status)).await;
        sent.expect("the session is open");
    }

    /// Receives messages until `select` picks one; the ones before it are dropped.
    ///
    /// # Panics
    /// If the slicelet closes the session, or sends an invalid message.
    pub async fn receive<T>(&mut self, select: impl Fn(FromSlicelet) -> Option<T>) -> T {
        loop {
            let message = soon(self.requests.message()).await.expect("the session is open");
            let message = FromSlicelet::try_from(message.expect("the slicelet keeps the session open"));
            if let Some(selected) = select(message.expect("the slicelet sends valid messages")) {
                return selected;
            }
        }
    }

    /// Keeps the session open in a task of its own, dropping the slicelet's messages.
    pub fn run_unattended(mut self) {
        tokio::spawn(async move { while let Ok(Some(_)) = self.requests.message().await {} });
    }
}

/// Queues each session for the test.
struct SessionQueue {
    opened: mpsc::Sender<ScriptedSession>,
}

#[tonic::async_trait]
impl SliceletSession for SessionQueue {
    type SessionStream = ReceiverStream<Result<SessionResponse, Status>>;

    async fn session(
        &self,
        request: Request<Streaming<SessionRequest>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let mut requests = request.into_inner();
        let first = requests.message().await?;
        let first = first.ok_or_else(|| Status::invalid_argument("the session ended before its first message"))?;
        let FromSlicelet::Register(registration) = FromSlicelet::try_from(first)? else {
            return Err(Status::invalid_argument("the first message does not register"));
        };
        let (responses, stream) = mpsc::channel(QUEUE_LENGTH);
        let session = ScriptedSession {
            registration,
            requests,
            responses,
        };
        let queued = self.opened.send(session).await;
        queued.map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}
