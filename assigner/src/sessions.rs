//! Sessions: one stream between each slicelet and the leader.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assigner::{
    Applied, Change, ChangeKind, Rejection, SessionId, TargetEvent, TargetSettings, TargetState,
};
use emberkeep_core::assignment::Generation;
use emberkeep_core::pod::PodName;
use emberkeep_core::session_settings::SessionSettings;
use emberkeep_core::target::TargetName;
use emberkeep_proto::convert::{FromAssigner, FromSlicelet, Heartbeat, Registration, leader_redirect_status};
use emberkeep_proto::pb::slicelet_session_server::SliceletSession;
use emberkeep_proto::pb::{SessionRequest, SessionResponse};
use emberkeep_runtime::tasks::Tasks;
use emberkeep_runtime::watch::{AssignmentSnapshot, AssignmentSource, updates_since};
use futures::stream::{self, BoxStream};
use futures::{FutureExt, Stream, StreamExt};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_stream::wrappers::WatchStream;
use tonic::{Request, Response, Status, Streaming};
use tracing::info;

use crate::assignments::Assignments;
use crate::desk::{Brain, Desk, OpenSession};
use crate::metrics::Metrics;
use crate::raft::Member;
use crate::refusal::{of_proposal, of_rejection};

/// How long a slicelet may take to register once its stream is open.
const REGISTER_DEADLINE: Duration = Duration::from_secs(5);

/// How long a new leader may take to seat the brain of a target.
const SEAT_DEADLINE: Duration = Duration::from_secs(5);

/// Serves the sessions of slicelets.
pub(crate) struct Sessions {
    pub(crate) member: Member,
    pub(crate) desk: Arc<Desk>,
    pub(crate) assignments: Arc<Assignments>,
    pub(crate) metrics: Metrics,
    pub(crate) tasks: Tasks,
    pub(crate) creates_targets: bool,
    pub(crate) places: Arc<Semaphore>,
    pub(crate) sessions_max: usize,
}

#[tonic::async_trait]
impl SliceletSession for Sessions {
    type SessionStream = BoxStream<'static, Result<SessionResponse, Status>>;

    async fn session(
        &self,
        request: Request<Streaming<SessionRequest>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        self.check_leading()?;
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            let most = self.sessions_max;
            Status::resource_exhausted(format!("{most} slicelets are connected already, which is the limit"))
        })?;
        let mut said = request.into_inner();
        let registration = registration_in(&mut said).await?;
        let state = self.target(&registration.target).await?;
        let brain = self.brain(&registration.target).await?;
        let held = self.assignments.subscribe(&registration.target);
        let held = held.ok_or_else(|| Status::unavailable("the target is just being created, try again"))?;

        let (id, open) = self.desk.open();
        let told = told(&state, held, registration.known, &open, &brain).map(move |response| {
            // The place is taken for as long as the stream lives.
            let _ = &place;
            response
        });
        let listener = Listener {
            id,
            brain,
            open,
            target: registration.target.clone(),
            pod: registration.pod.name.clone(),
            assignments: Arc::clone(&self.assignments),
            metrics: self.metrics.clone(),
            applied: Generation::NONE,
        };
        let desk = Arc::clone(&self.desk);
        self.tasks.spawn_supervised("session", async move {
            listener.listen(registration, said).await;
            desk.forget(id);
        });
        Ok(Response::new(told.boxed()))
    }
}

impl Sessions {
    fn check_leading(&self) -> Result<(), Status> {
        let leadership = self.member.leadership();
        let leadership = leadership.borrow();
        match leadership.is_leading() {
            true => Ok(()),
            false => Err(leader_redirect_status(leadership.leader())),
        }
    }

    /// The target that the slicelet wants to serve; it comes into being if nobody has made it yet.
    async fn target(&self, name: &TargetName) -> Result<Arc<TargetState>, Status> {
        let known = || self.member.state().borrow().target(name).cloned();
        if let Some(state) = known() {
            return Ok(state);
        }
        let unknown = || of_rejection(&Rejection::UnknownTarget { target: name.clone() });
        if !self.creates_targets {
            return Err(unknown());
        }
        let change = Change {
            target: name.clone(),
            kind: ChangeKind::CreateTarget {
                settings: TargetSettings::default(),
            },
        };
        match self.member.propose(change).await.map_err(|error| of_proposal(&error))? {
            Applied::Done => info!(target = %name, "created a target because a slicelet registered for it"),
            // Another slicelet was faster.
            Applied::Unchanged | Applied::Rejected(_) => {}
        }
        known().ok_or_else(unknown)
    }

    async fn brain(&self, target: &TargetName) -> Result<Brain, Status> {
        let mut brains = self.desk.brains();
        let seated = brains.wait_for(|brains| brains.contains_key(target));
        let brains = timeout(SEAT_DEADLINE, seated).await;
        match brains {
            Ok(Ok(brains)) => Ok(brains[target].clone()),
            Ok(Err(_)) | Err(_) => Err(leader_redirect_status(self.member.leadership().borrow().leader())),
        }
    }
}

async fn registration_in(said: &mut Streaming<SessionRequest>) -> Result<Registration, Status> {
    let first = timeout(REGISTER_DEADLINE, said.message()).await;
    let first = first.map_err(|_| Status::deadline_exceeded("no registration came within 5 s"))??;
    let first = first.ok_or_else(|| Status::invalid_argument("the stream ended before it registered"))?;
    match FromSlicelet::try_from(first)? {
        FromSlicelet::Register(registration) => Ok(registration),
        FromSlicelet::Heartbeat(_) | FromSlicelet::LoadReport(_) => {
            Err(Status::invalid_argument("the first message of a session must register"))
        }
    }
}

/// All that the slicelet is told until the session is closed or this member leads no longer.
fn told(
    state: &TargetState,
    held: watch::Receiver<Option<AssignmentSnapshot>>,
    known: Generation,
    open: &OpenSession,
    brain: &Brain,
) -> impl Stream<Item = Result<SessionResponse, Status>> + Send + use<> {
    let welcome = FromAssigner::Welcome(SessionSettings::from(&state.settings));
    let updates = updates_since(held, known).map(|told| FromAssigner::Update(told.update));
    let may_exit = open
        .may_exit
        .clone()
        .cancelled_owned()
        .map(|()| FromAssigner::MayExit)
        .into_stream();
    let grants = WatchStream::new(open.store_grant.subscribe());
    let grants = grants.filter_map(async |rate| rate.map(FromAssigner::StoreGrant));
    let orders = WatchStream::from_changes(open.warm_order.subscribe()).map(FromAssigner::WarmOrder);
    let (close, parting, ended) = (open.close.clone(), Arc::clone(&open.parting), brain.ended.clone());
    let end = async move {
        tokio::select! {
            () = close.cancelled() => {}
            () = ended.cancelled() => {}
        }
    };
    stream::once(async { welcome })
        .chain(stream::select_all([
            updates.boxed(),
            may_exit.boxed(),
            grants.boxed(),
            orders.boxed(),
        ]))
        .map(|message| Ok(SessionResponse::from(&message)))
        .take_until(end)
        .chain(stream::once(async move { parting.get().cloned() }).filter_map(async |status| status.map(Err)))
}

/// Tells the brain what one slicelet says.
struct Listener {
    id: SessionId,
    brain: Brain,
    open: OpenSession,
    target: TargetName,
    pod: PodName,
    assignments: Arc<Assignments>,
    metrics: Metrics,
    /// The newest generation that the slicelet has said it applied.
    applied: Generation,
}

impl Listener {
    /// Listens until the slicelet or this member ends the session; the brain learns of its end in any case.
    async fn listen(mut self, registration: Registration, said: Streaming<SessionRequest>) {
        self.metrics.session_opened();
        info!(target = %self.target, pod = %self.pod, address = %registration.pod.address, "session opened");
        let (brain, open, id) = (self.brain.clone(), self.open.clone(), self.id);
        let opened = TargetEvent::SessionOpened {
            session: id,
            pod: registration.pod,
        };
        let reason = tokio::select! {
            reason = self.relay(opened, said) => reason,
            () = open.close.cancelled() => "closed by the assigner".to_owned(),
            () = brain.ended.cancelled() => "this member leads no longer".to_owned(),
        };
        info!(target = %self.target, pod = %self.pod, reason, "session closed");
        self.metrics.session_closed();
        self.metrics.pod_left(&self.target, &self.pod);
        open.close.cancel();
        // A brain that has ended does not want to know.
        let _ = brain.events.send(TargetEvent::SessionClosed { session: id }).await;
    }

    async fn relay(&mut self, opened: TargetEvent, mut said: Streaming<SessionRequest>) -> String {
        let mut event = opened;
        loop {
            if self.brain.events.send(event).await.is_err() {
                return "this member leads no longer".to_owned();
            }
            let message = match said.message().await {
                Ok(Some(message)) => message,
                Ok(None) => return "ended by the slicelet".to_owned(),
                Err(status) => return status.message().to_owned(),
            };
            event = match FromSlicelet::try_from(message).map_err(Status::from) {
                Ok(FromSlicelet::Heartbeat(heartbeat)) => self.heartbeat(heartbeat),
                Ok(FromSlicelet::LoadReport(report)) => {
                    self.metrics.load_reported(&self.target, &self.pod, &report);
                    TargetEvent::LoadReported {
                        session: self.id,
                        report,
                    }
                }
                Ok(FromSlicelet::Register(_)) => return self.refuse(Status::invalid_argument("it registered twice")),
                Err(invalid) => return self.refuse(invalid),
            };
        }
    }

    /// Ends the session with a sentence that says what is wrong.
    fn refuse(&self, status: Status) -> String {
        self.metrics.refused(&self.target);
        let reason = status.message().to_owned();
        self.open.parting.get_or_init(|| status);
        reason
    }

    fn heartbeat(&mut self, heartbeat: Heartbeat) -> TargetEvent {
        let published = self.assignments.published(&self.target);
        if let Some((_, at)) = published.filter(|(newest, _)| *newest == heartbeat.applied && self.applied < *newest) {
            self.metrics.propagated(&self.target, at.elapsed());
        }
        self.applied = heartbeat.applied;
        TargetEvent::HeartbeatReceived {
            session: self.id,
            phase: heartbeat.phase,
            store_demand: heartbeat.store_demand,
            warming: heartbeat.warming,
        }
    }
}
