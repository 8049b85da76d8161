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

use crate::assignment_publisher::AssignmentPublisher;
use crate::distribution::DistributionTracker;
use crate::metrics::Metrics;
use crate::raft::Member;
use crate::session_registry::{BrainHandle, SessionHandle, SessionRegistry};
use crate::status::{proposal_status, rejection_status};

/// The deadline of the registration after the stream was opened.
const REGISTER_DEADLINE: Duration = Duration::from_secs(5);

/// The deadline of a new leader for starting the brain of a target.
const BRAIN_DEADLINE: Duration = Duration::from_secs(5);

/// The reason in the log when a term ends.
const TERM_ENDED: &str = "this member no longer leads";

/// Serves the sessions of slicelets.
pub(crate) struct SessionService {
    pub(crate) member: Member,
    pub(crate) registry: Arc<SessionRegistry>,
    pub(crate) assignments: Arc<AssignmentPublisher>,
    pub(crate) distribution: Arc<DistributionTracker>,
    pub(crate) metrics: Metrics,
    pub(crate) tasks: Tasks,
    pub(crate) creates_targets: bool,
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) sessions_max: usize,
}

#[tonic::async_trait]
impl SliceletSession for SessionService {
    type SessionStream = BoxStream<'static, Result<SessionResponse, Status>>;

    async fn session(
        &self,
        request: Request<Streaming<SessionRequest>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        self.check_leading()?;
        let permit = Arc::clone(&self.permits).try_acquire_owned().map_err(|_| {
            let limit = self.sessions_max;
            Status::resource_exhausted(format!("the limit of {limit} connected slicelets is reached"))
        })?;
        let mut requests = request.into_inner();
        let registration = registration_in(&mut requests).await?;
        let state = self.target(&registration.target).await?;
        let brain = self.brain(&registration.target).await?;
        let held = self.assignments.subscribe(&registration.target);
        let held = held.ok_or_else(|| Status::unavailable("the target is being created, try again"))?;

        let (id, handle) = self.registry.open_session();
        let responses = responses(&state, held, registration.known, &handle, &brain).map(move |response| {
            // Moves the permit into the stream, which holds it until it is dropped.
            let _ = &permit;
            response
        });
        let relay = SessionRelay {
            id,
            brain,
            handle,
            target: registration.target.clone(),
            pod: registration.pod.name.clone(),
            assignments: Arc::clone(&self.assignments),
            distribution: Arc::clone(&self.distribution),
            metrics: self.metrics.clone(),
            applied: Generation::NONE,
        };
        let registry = Arc::clone(&self.registry);
        self.tasks.spawn_supervised("session", async move {
            relay.run(registration, requests).await;
            registry.remove_session(id);
        });
        Ok(Response::new(responses.boxed()))
    }
}

impl SessionService {
    fn check_leading(&self) -> Result<(), Status> {
        let leadership = self.member.leadership();
        let leadership = leadership.borrow();
        match leadership.is_leading() {
            true => Ok(()),
            false => Err(leader_redirect_status(leadership.leader())),
        }
    }

    /// The target of a registration. Creates it if it is unknown and `creates_targets` is set.
    async fn target(&self, name: &TargetName) -> Result<Arc<TargetState>, Status> {
        let known = || self.member.state().borrow().target(name).cloned();
        if let Some(state) = known() {
            return Ok(state);
        }
        let unknown = || rejection_status(&Rejection::UnknownTarget { target: name.clone() });
        if !self.creates_targets {
            return Err(unknown());
        }
        let change = Change {
            target: name.clone(),
            kind: ChangeKind::CreateTarget {
                settings: TargetSettings::default(),
            },
        };
        let outcome = self.member.propose(change).await;
        match outcome.map_err(|error| proposal_status(&error))? {
            Applied::Done => info!(target = %name, "created the target at the registration of a slicelet"),
            // Another registration created it first.
            Applied::Unchanged | Applied::Rejected(_) => {}
        }
        known().ok_or_else(unknown)
    }

    async fn brain(&self, target: &TargetName) -> Result<BrainHandle, Status> {
        let mut brains = self.registry.brains();
        let started = brains.wait_for(|brains| brains.contains_key(target));
        let brains = timeout(BRAIN_DEADLINE, started).await;
        match brains {
            Ok(Ok(brains)) => Ok(brains[target].clone()),
            Ok(Err(_)) | Err(_) => Err(leader_redirect_status(self.member.leadership().borrow().leader())),
        }
    }
}

async fn registration_in(requests: &mut Streaming<SessionRequest>) -> Result<Registration, Status> {
    let first = timeout(REGISTER_DEADLINE, requests.message()).await;
    let first = first.map_err(|_| Status::deadline_exceeded("no registration within 5 s"))??;
    let first = first.ok_or_else(|| Status::invalid_argument("the stream ended before the registration"))?;
    match FromSlicelet::try_from(first)? {
        FromSlicelet::Register(registration) => Ok(registration),
        FromSlicelet::Heartbeat(_) | FromSlicelet::LoadReport(_) => {
            Err(Status::invalid_argument("the first message of a session must register"))
        }
    }
}

/// The messages to the slicelet, until the session is closed or the term ends.
fn responses(
    state: &TargetState,
    held: watch::Receiver<Option<AssignmentSnapshot>>,
    known: Generation,
    handle: &SessionHandle,
    brain: &BrainHandle,
) -> impl Stream<Item = Result<SessionResponse, Status>> + Send + use<> {
    let welcome = FromAssigner::Welcome(SessionSettings::from(&state.settings));
    let updates = updates_since(held, known).map(|update| FromAssigner::Update(update.update));
    let may_exit = handle
        .may_exit
        .clone()
        .cancelled_owned()
        .map(|()| FromAssigner::MayExit)
        .into_stream();
    let grants = WatchStream::new(handle.store_grant.subscribe());
    let grants = grants.filter_map(async |rate| rate.map(FromAssigner::StoreGrant));
    let orders = WatchStream::from_changes(handle.warm_order.subscribe()).map(FromAssigner::WarmOrder);
    let (close, term_ended) = (handle.close.clone(), brain.ended.clone());
    let final_status = Arc::clone(&handle.final_status);
    let end = async move {
        tokio::select! {
            () = close.cancelled() => {}
            () = term_ended.cancelled() => {}
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
        .chain(stream::once(async move { final_status.get().cloned() }).filter_map(async |status| status.map(Err)))
}

/// Relays the messages of one slicelet to the brain.
struct SessionRelay {
    id: SessionId,
    brain: BrainHandle,
    handle: SessionHandle,
    target: TargetName,
    pod: PodName,
    assignments: Arc<AssignmentPublisher>,
    distribution: Arc<DistributionTracker>,
    metrics: Metrics,
    /// The newest generation in a heartbeat of the slicelet.
    applied: Generation,
}

impl SessionRelay {
    /// Relays messages until the slicelet or this member ends the session, then sends `SessionClosed` in any case.
    async fn run(mut self, registration: Registration, requests: Streaming<SessionRequest>) {
        self.metrics.on_session_opened();
        self.distribution.on_session_opened(&self.target, self.id);
        info!(target = %self.target, pod = %self.pod, address = %registration.pod.address, "session opened");
        let (brain, handle, id) = (self.brain.clone(), self.handle.clone(), self.id);
        let opened = TargetEvent::SessionOpened {
            session: id,
            pod: registration.pod,
        };
        let reason = tokio::select! {
            reason = self.relay(opened, requests) => reason,
            () = handle.close.cancelled() => "closed by the assigner".to_owned(),
            () = brain.ended.cancelled() => TERM_ENDED.to_owned(),
        };
        info!(target = %self.target, pod = %self.pod, reason, "session closed");
        self.metrics.on_session_closed();
        let distributed = self.distribution.on_session_closed(&self.target, self.id);
        self.record_distribution(distributed);
        self.metrics.on_pod_left(&self.target, &self.pod);
        handle.close.cancel();
        // Fails only when the brain has ended.
        let _ = brain.events.send(TargetEvent::SessionClosed { session: id }).await;
    }

    async fn relay(&mut self, opened: TargetEvent, mut requests: Streaming<SessionRequest>) -> String {
        let mut event = opened;
        loop {
            if self.brain.events.send(event).await.is_err() {
                return TERM_ENDED.to_owned();
            }
            let message = match requests.message().await {
                Ok(Some(message)) => message,
                Ok(None) => return "ended by the slicelet".to_owned(),
                Err(status) => return status.message().to_owned(),
            };
            event = match FromSlicelet::try_from(message).map_err(Status::from) {
                Ok(FromSlicelet::Heartbeat(heartbeat)) => self.heartbeat(heartbeat),
                Ok(FromSlicelet::LoadReport(report)) => {
                    self.metrics.record_load_report(&self.target, &self.pod, &report);
                    TargetEvent::LoadReported {
                        session: self.id,
                        report,
                    }
                }
                Ok(FromSlicelet::Register(_)) => {
                    return self.reject(Status::invalid_argument("the slicelet registered twice"));
                }
                Err(invalid) => return self.reject(invalid),
            };
        }
    }

    /// Ends the session with a status for the slicelet.
    fn reject(&self, status: Status) -> String {
        self.metrics.record_rejected_message(&self.target);
        let reason = status.message().to_owned();
        self.handle.final_status.get_or_init(|| status);
        reason
    }

    fn heartbeat(&mut self, heartbeat: Heartbeat) -> TargetEvent {
        self.metrics.on_message(&self.target, &self.pod);
        if heartbeat.applied > self.applied {
            self.on_applied(heartbeat.applied);
        }
        TargetEvent::HeartbeatReceived {
            session: self.id,
            phase: heartbeat.phase,
            store_demand: heartbeat.store_demand,
            warming: heartbeat.warming,
        }
    }

    /// Measures how long the newest assignment took to this slicelet, and to the last one.
    fn on_applied(&mut self, applied: Generation) {
        self.applied = applied;
        let published = self.assignments.published(&self.target);
        if let Some((newest, at)) = published.filter(|(newest, _)| *newest == applied) {
            self.metrics.record_propagation(&self.target, at.elapsed());
            let distributed = self.distribution.on_applied(&self.target, self.id, newest, at);
            self.record_distribution(distributed);
        }
    }

    fn record_distribution(&self, distributed: Option<Duration>) {
        if let Some(after) = distributed {
            self.metrics.record_distribution(&self.target, after);
        }
    }
}
