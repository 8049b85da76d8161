//! A scripted assigner: a real gRPC server whose every answer the test gives.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assignment::{Assignment, Generation, Phase, Proposal, ReplicaSet, Update};
use emberkeep_core::keyspace::{SliceKey, SliceMap};
use emberkeep_core::pod::{Incarnation, Pod, PodAddress, PodName, Weight};
use emberkeep_core::session_settings::SessionSettings;
use emberkeep_core::target::{KeyMode, MisrouteMode, OwnershipMode};
use emberkeep_proto::convert::{FromAssigner, FromSlicelet, Registration};
use emberkeep_proto::pb::slicelet_session_server::{SliceletSession, SliceletSessionServer};
use emberkeep_proto::pb::{SessionRequest, SessionResponse};
use emberkeep_runtime::serve::{bind, incoming, server_builder};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Request, Response, Status, Streaming};

/// Nothing in these tests takes long; whatever does has failed.
pub(crate) async fn soon<T>(event: impl Future<Output = T>) -> T {
    let deadline = Duration::from_secs(20);
    tokio::time::timeout(deadline, event)
        .await
        .expect("it happens within 20 s")
}

/// Listens until it is dropped.
pub(crate) struct ScriptedAssigner {
    pub(crate) url: String,
    sessions: mpsc::Receiver<ScriptedSession>,
    _stops: DropGuard,
}

/// One session, as the test plays it.
pub(crate) struct ScriptedSession {
    pub(crate) registration: Registration,
    heard: Streaming<SessionRequest>,
    told: mpsc::Sender<Result<SessionResponse, Status>>,
}

impl ScriptedAssigner {
    pub(crate) async fn start() -> Self {
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (play, sessions) = mpsc::channel(16);
        let stop = CancellationToken::new();
        let server = server_builder().add_service(SliceletSessionServer::new(Stage { play }));
        tokio::spawn(server.serve_with_incoming_shutdown(incoming(listener), stop.clone().cancelled_owned()));
        Self {
            url,
            sessions,
            _stops: stop.drop_guard(),
        }
    }

    /// The next session that a slicelet opens.
    pub(crate) async fn session(&mut self) -> ScriptedSession {
        soon(self.sessions.recv()).await.unwrap()
    }

    /// The next session, welcomed.
    pub(crate) async fn welcomed(&mut self) -> ScriptedSession {
        let session = self.session().await;
        session.tell(FromAssigner::Welcome(welcome())).await;
        session
    }
}

/// What a slicelet is told to go by, unless the test says otherwise.
pub(crate) fn welcome() -> SessionSettings {
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
    pub(crate) async fn tell(&self, message: FromAssigner) {
        self.told.send(Ok(SessionResponse::from(&message))).await.unwrap();
    }

    pub(crate) async fn tell_full(&self, assignment: &Arc<Assignment>) {
        self.tell(FromAssigner::Update(Update::Full(Arc::clone(assignment))))
            .await;
    }

    /// Ends the session.
    pub(crate) async fn refuse(self, status: Status) {
        self.told.send(Err(status)).await.unwrap();
    }

    /// The first message that the test is looking for.
    pub(crate) async fn hears<T>(&mut self, looks_for: impl Fn(FromSlicelet) -> Option<T>) -> T {
        loop {
            let message = soon(self.heard.message()).await.unwrap().expect("the slicelet goes on");
            if let Some(found) = looks_for(FromSlicelet::try_from(message).unwrap()) {
                return found;
            }
        }
    }
}

/// Hands each session to the test.
struct Stage {
    play: mpsc::Sender<ScriptedSession>,
}

#[tonic::async_trait]
impl SliceletSession for Stage {
    type SessionStream = ReceiverStream<Result<SessionResponse, Status>>;

    async fn session(
        &self,
        request: Request<Streaming<SessionRequest>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let mut heard = request.into_inner();
        let first = heard
            .message()
            .await?
            .ok_or_else(|| Status::invalid_argument("nothing was said"))?;
        let FromSlicelet::Register(registration) = FromSlicelet::try_from(first)? else {
            return Err(Status::invalid_argument("the first message does not register"));
        };
        let (told, answers) = mpsc::channel(16);
        let session = ScriptedSession {
            registration,
            heard,
            told,
        };
        self.play
            .send(session)
            .await
            .map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(ReceiverStream::new(answers)))
    }
}

/// Another pod, which nobody calls.
pub(crate) fn other_pod() -> Pod {
    Pod {
        name: PodName::try_new("other").unwrap(),
        incarnation: Incarnation(1),
        address: PodAddress::try_new("127.0.0.1:1").unwrap(),
        zone: "".into(),
        weight: Weight::ONE,
        memory_capacity: None,
    }
}

/// The assignment after `previous` with one pod serving the lower half of all keys and one the upper half.
pub(crate) fn halves(previous: &Assignment, lower: &Pod, upper: &Pod) -> Arc<Assignment> {
    let mut pods = vec![lower.clone(), upper.clone()];
    pods.sort();
    pods.dedup();
    let served_by = |pod: &Pod| {
        let mut replicas = ReplicaSet::none();
        let at = pods.iter().position(|other| other == pod).unwrap();
        replicas.set(at.into(), Phase::Serving);
        replicas
    };
    let slices = vec![
        (SliceKey::EMPTY, served_by(lower)),
        (SliceKey::from_position(1 << 63), served_by(upper)),
    ];
    let slices = SliceMap::try_from_starts(slices).unwrap();
    Arc::new(Proposal { pods, slices }.after(previous).unwrap())
}

/// The first assignment, with all keys served by that pod.
pub(crate) fn all_by(pod: &Pod) -> Arc<Assignment> {
    halves(&Assignment::unassigned(), pod, pod)
}

/// The generation of that number.
pub(crate) fn generation(number: i64) -> Generation {
    Generation::from_number(number).unwrap()
}
