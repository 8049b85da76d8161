//! A slicelet that says what the test wants it to say.

use std::time::Duration;

use emberkeep_core::assignment::{Assignment, Generation, Phase, Update};
use emberkeep_core::keyspace::Slice;
use emberkeep_core::pod::{Incarnation, Pod, PodAddress, PodName, PodPhase, Weight};
use emberkeep_core::rate::Rate;
use emberkeep_core::warmth::Warmth;
use emberkeep_proto::convert::{FromAssigner, FromSlicelet, Heartbeat, Registration};
use emberkeep_proto::pb;
use emberkeep_proto::pb::slicelet_session_client::SliceletSessionClient;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::running::{Running, target, within};

/// A slicelet of few words.
pub(crate) struct Pretender {
    pub(crate) pod: Pod,
    pub(crate) said: mpsc::Sender<pb::SessionRequest>,
    pub(crate) told: Streaming<pb::SessionResponse>,
    pub(crate) held: Assignment,
    /// What it was told to get ready; it is as soon as it says so.
    pub(crate) ordered: Vec<Slice>,
    /// Whoever pretends to be a pod has to answer probes.
    pub(crate) listener: Option<TcpListener>,
}

impl Pretender {
    pub(crate) async fn registers(running: &Running, name: &str, incarnation: u128) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pod = Pod {
            name: PodName::try_new(name).unwrap(),
            incarnation: Incarnation(incarnation),
            address: PodAddress::try_new(&listener.local_addr().unwrap().to_string()).unwrap(),
            zone: "".into(),
            weight: Weight::ONE,
            memory_capacity: None,
        };
        let (said, requests) = mpsc::channel(16);
        let registration = FromSlicelet::Register(Registration {
            target: target(),
            pod: pod.clone(),
            known: Generation::NONE,
        });
        said.send((&registration).into()).await.unwrap();
        let told = session(running, requests).await.unwrap();
        let mut pretender = Self {
            pod,
            said,
            told,
            held: Assignment::unassigned(),
            ordered: Vec::new(),
            listener: Some(listener),
        };
        assert!(matches!(pretender.hears().await, Some(FromAssigner::Welcome(_))));
        pretender.beats(PodPhase::Ready).await;
        pretender
    }

    pub(crate) async fn beats(&self, phase: PodPhase) {
        self.beats_wanting(phase, Rate::ZERO).await;
    }

    pub(crate) async fn beats_wanting(&self, phase: PodPhase, store_demand: Rate) {
        self.said.send(self.heartbeat(phase, store_demand)).await.unwrap();
    }

    pub(crate) fn heartbeat(&self, phase: PodPhase, store_demand: Rate) -> pb::SessionRequest {
        let warmth = Warmth {
            is_complete: true,
            ..Warmth::default()
        };
        let heartbeat = FromSlicelet::Heartbeat(Heartbeat {
            phase,
            applied: self.held.generation(),
            store_demand,
            warming: self.ordered.iter().map(|slice| (slice.clone(), warmth)).collect(),
        });
        (&heartbeat).into()
    }

    pub(crate) fn stops_listening(&mut self) {
        self.listener = None;
    }

    pub(crate) async fn hears(&mut self) -> Option<FromAssigner> {
        let message = within("a message", self.told.message()).await.unwrap()?;
        Some(FromAssigner::try_from(message).unwrap())
    }

    /// Listens, and says that it lives, until the assignment is as wanted.
    pub(crate) async fn holds(&mut self, wanted: impl Fn(&Assignment) -> bool) {
        let listening = async {
            let mut beat = tokio::time::interval(Duration::from_millis(300));
            while !wanted(&self.held) {
                tokio::select! {
                    message = self.told.message() => self.take_in(message),
                    _ = beat.tick() => self.beats(PodPhase::Ready).await,
                }
            }
        };
        within("the wanted assignment", listening).await;
    }

    /// Listens until so much was granted.
    pub(crate) async fn is_granted(&mut self, wanted: Option<Rate>) {
        while self.hears().await.expect("the session is open") != FromAssigner::StoreGrant(wanted) {}
    }

    pub(crate) fn take_in(&mut self, message: Result<Option<pb::SessionResponse>, Status>) {
        let message = message.unwrap().expect("the session is open");
        match FromAssigner::try_from(message).unwrap() {
            FromAssigner::Update(Update::Full(full)) => self.held = full.as_ref().clone(),
            FromAssigner::Update(Update::Diff(diff)) => self.held = self.held.apply(&diff).unwrap(),
            FromAssigner::WarmOrder(slices) => self.ordered = slices,
            FromAssigner::Welcome(_) | FromAssigner::MayExit | FromAssigner::StoreGrant(_) => {}
        }
    }
}

pub(crate) async fn session(
    running: &Running,
    requests: mpsc::Receiver<pb::SessionRequest>,
) -> Result<Streaming<pb::SessionResponse>, Status> {
    let mut client = SliceletSessionClient::connect(running.url.clone()).await.unwrap();
    let answered = within("an answer", client.session(ReceiverStream::new(requests))).await?;
    Ok(answered.into_inner())
}

pub(crate) fn serving(assignment: &Assignment, pod: &Pod) -> usize {
    let index = assignment.index_of(&pod.name);
    let shares = index.map(|index| assignment.shares_of(index));
    shares
        .into_iter()
        .flatten()
        .filter(|(_, _, phase)| *phase == Phase::Serving)
        .count()
}
