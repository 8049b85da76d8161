//! A scripted slicelet: a session with a real assigner, whose messages the test chooses; only heartbeats are sent
//! automatically.

use std::time::Duration;

use emberkeep_core::assignment::{Assignment, Generation, Phase, Update};
use emberkeep_core::keyspace::Slice;
use emberkeep_core::pod::{Incarnation, Pod, PodPhase};
use emberkeep_core::rate::Rate;
use emberkeep_core::warmth::Warmth;
use emberkeep_proto::convert::{FromAssigner, FromSlicelet, Heartbeat, Registration};
use emberkeep_proto::pb::admin_client::AdminClient;
use emberkeep_proto::pb::slicelet_session_client::SliceletSessionClient;
use emberkeep_proto::pb::{self, SessionRequest, SessionResponse};
use emberkeep_testkit::deadline::within;
use emberkeep_testkit::pod::pod_at;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::interval;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use crate::running_member::{RunningMember, target};

/// Shorter than the default interval of 500 ms.
const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(300);
/// Minutes: on a busy machine heartbeats are late.
const MISSED_HEARTBEATS_MAX: u32 = 1_000;

/// A registered pod; dropping it closes the session.
pub(crate) struct ScriptedSlicelet {
    pub(crate) pod: Pod,
    pub(crate) requests: mpsc::Sender<SessionRequest>,
    pub(crate) responses: Streaming<SessionResponse>,
    pub(crate) assignment: Assignment,
    heartbeat: watch::Sender<Heartbeat>,
    /// Accepts the assigner's probes.
    listener: Option<TcpListener>,
}

impl ScriptedSlicelet {
    /// Registers a pod of the target, which is created with [`patient_settings`] unless it exists.
    pub(crate) async fn register(member: &RunningMember, name: &str, incarnation: u128) -> Self {
        create_target(member).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pod = Pod {
            incarnation: Incarnation(incarnation),
            ..pod_at(name, listener.local_addr().unwrap())
        };
        let (requests, stream) = mpsc::channel(16);
        let registration = FromSlicelet::Register(Registration {
            target: target(),
            pod: pod.clone(),
            known: Generation::NONE,
        });
        requests.send((&registration).into()).await.unwrap();
        let (heartbeat, heartbeats) = watch::channel(ready_heartbeat());
        let mut slicelet = Self {
            pod,
            responses: open_session(member, stream).await.unwrap(),
            assignment: Assignment::unassigned(),
            heartbeat,
            listener: Some(listener),
            requests: requests.clone(),
        };
        assert!(matches!(slicelet.receive().await, FromAssigner::Welcome(_)));
        tokio::spawn(send_heartbeats(requests, heartbeats));
        slicelet
    }

    /// Sends a heartbeat with another store demand, which further heartbeats repeat.
    pub(crate) fn demand(&self, store_demand: Rate) {
        self.heartbeat
            .send_modify(|heartbeat| heartbeat.store_demand = store_demand);
    }

    /// Refuses probes from now on, while heartbeats go on.
    pub(crate) fn stop_listening(&mut self) {
        self.listener = None;
    }

    pub(crate) async fn receive(&mut self) -> FromAssigner {
        let message = within("a message", self.responses.message()).await.unwrap();
        let message = message.expect("the session is open");
        FromAssigner::try_from(message).unwrap()
    }

    /// Applies messages until the assignment satisfies the predicate.
    pub(crate) async fn assigned(&mut self, is_wanted: impl Fn(&Assignment) -> bool) {
        while !is_wanted(&self.assignment) {
            match self.receive().await {
                FromAssigner::Update(Update::Full(full)) => self.assignment = full.as_ref().clone(),
                FromAssigner::Update(Update::Diff(diff)) => self.assignment = self.assignment.apply(&diff).unwrap(),
                FromAssigner::WarmOrder(slices) => self.on_warm_order(slices),
                FromAssigner::Welcome(_) | FromAssigner::MayExit | FromAssigner::StoreGrant(_) => {}
            }
            let applied = self.assignment.generation();
            self.heartbeat.send_modify(|heartbeat| heartbeat.applied = applied);
        }
    }

    /// Reports all ordered slices as warm at once.
    fn on_warm_order(&self, slices: Vec<Slice>) {
        let warmth = Warmth {
            is_complete: true,
            ..Warmth::default()
        };
        let warming = slices.into_iter().map(|slice| (slice, warmth)).collect();
        self.heartbeat.send_modify(|heartbeat| heartbeat.warming = warming);
    }

    /// Receives messages until this store grant arrives.
    pub(crate) async fn granted(&mut self, wanted: Option<Rate>) {
        while self.receive().await != FromAssigner::StoreGrant(wanted) {}
    }
}

/// The settings of a target whose pods are not suspected while they have a session.
pub(crate) fn patient_settings() -> pb::TargetSettings {
    pb::TargetSettings {
        missed_heartbeats_max: Some(MISSED_HEARTBEATS_MAX),
        ..pb::TargetSettings::default()
    }
}

async fn create_target(member: &RunningMember) {
    let mut admin = AdminClient::connect(member.url.clone()).await.unwrap();
    let create = pb::CreateTargetRequest {
        target: target().as_str().to_owned(),
        settings: Some(patient_settings()),
    };
    let created = within("the target", admin.create_target(create)).await;
    assert!(
        created
            .as_ref()
            .err()
            .is_none_or(|status| status.code() == Code::AlreadyExists),
        "{created:?}"
    );
}

/// A heartbeat of a pod without an assignment.
pub(crate) fn ready_heartbeat() -> Heartbeat {
    Heartbeat {
        phase: PodPhase::Ready,
        applied: Generation::NONE,
        store_demand: Rate::ZERO,
        warming: Vec::new(),
    }
}

/// Sends the present heartbeat at intervals and when it changes, until the slicelet is dropped or its session ends.
async fn send_heartbeats(requests: mpsc::Sender<SessionRequest>, mut heartbeats: watch::Receiver<Heartbeat>) {
    let mut ticks = interval(HEARTBEAT_INTERVAL);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            changed = heartbeats.changed() => if changed.is_err() { return },
        }
        let heartbeat = FromSlicelet::Heartbeat(heartbeats.borrow_and_update().clone());
        if requests.send((&heartbeat).into()).await.is_err() {
            return;
        }
    }
}

pub(crate) async fn open_session(
    member: &RunningMember,
    requests: mpsc::Receiver<SessionRequest>,
) -> Result<Streaming<SessionResponse>, Status> {
    let mut client = SliceletSessionClient::connect(member.url.clone()).await.unwrap();
    let opened = within("an answer", client.session(ReceiverStream::new(requests))).await?;
    Ok(opened.into_inner())
}

/// The number of slices that a pod serves.
pub(crate) fn serving_count(assignment: &Assignment, pod: &Pod) -> usize {
    let index = assignment.index_of(&pod.name);
    let shares = index.map(|index| assignment.shares_of(index));
    shares
        .into_iter()
        .flatten()
        .filter(|(_, _, phase)| *phase == Phase::Serving)
        .count()
}
