//! Sources to watch: gRPC servers on this machine that publish what a test wants.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assignment::{Assignment, Phase, PodIndex, Proposal, Replica, ReplicaSet};
use emberkeep_core::keyspace::{SliceKey, SliceMap};
use emberkeep_core::pod::{Incarnation, Pod, PodAddress, PodName, Weight};
use emberkeep_core::target::{KeyMode, TargetName};
use emberkeep_proto::pb::assignment_watch_client::AssignmentWatchClient;
use emberkeep_proto::pb::assignment_watch_server::{AssignmentWatch, AssignmentWatchServer};
use emberkeep_runtime::channel::{ChannelSettings, channel_to};
use emberkeep_runtime::serve;
use emberkeep_runtime::watch::{AssignmentSnapshot, AssignmentSource, WatchLimits, WatchService};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

/// Waits for what must happen soon.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    let deadline = Duration::from_secs(20);
    tokio::time::timeout(deadline, what).await.expect("it happens soon")
}

pub(crate) fn target() -> TargetName {
    TargetName::try_new("profiles").unwrap()
}

/// An assignment of four slices, at each generation up to `newest`: the first pod takes them over one by one, then the
/// second pod, and so on.
pub(crate) fn history(newest: u64) -> Vec<AssignmentSnapshot> {
    let starts = [SliceKey::EMPTY]
        .into_iter()
        .chain((1..4).map(|slice| SliceKey::from_position(slice << 62)));
    let mut slices: SliceMap<ReplicaSet> =
        SliceMap::try_from_starts(starts.map(|start| (start, ReplicaSet::none())).collect()).unwrap();
    let pods: Vec<Pod> = (1..=2).map(pod).collect();
    let mut history = vec![Arc::new(Assignment::unassigned())];
    for change in 0..newest {
        let moved = SliceKey::from_position((change % 4) << 62);
        let owner = PodIndex(u32::try_from(change / 4 % 2).unwrap());
        slices = slices.map(|slice, replicas| match slice.contains(&moved) {
            true => ReplicaSet::from_iter([Replica {
                pod: owner,
                phase: Phase::Serving,
            }]),
            false => replicas.clone(),
        });
        let (pods, slices) = (pods.clone(), slices.clone());
        let next = Proposal { pods, slices }.after(history.last().unwrap()).unwrap();
        history.push(Arc::new(next));
    }
    let held = history.into_iter().map(|assignment| AssignmentSnapshot {
        assignment,
        key_mode: KeyMode::Ordered,
    });
    held.collect()
}

/// An assignment of many slices with eight replicas each.
pub(crate) fn large(slice_count: u64) -> AssignmentSnapshot {
    let starts = [SliceKey::EMPTY]
        .into_iter()
        .chain((1..slice_count).map(SliceKey::from_position));
    let phase = Phase::Serving;
    let everyone: ReplicaSet = (0..8)
        .map(|pod| Replica {
            pod: PodIndex(pod),
            phase,
        })
        .collect();
    let slices = starts.map(|start| (start, everyone.clone()));
    let proposal = Proposal {
        pods: (1..=8).map(pod).collect(),
        slices: SliceMap::try_from_starts(slices.collect()).unwrap(),
    };
    AssignmentSnapshot {
        assignment: Arc::new(proposal.after(&Assignment::unassigned()).unwrap()),
        key_mode: KeyMode::Hashed,
    }
}

fn pod(number: u16) -> Pod {
    Pod {
        name: PodName::try_new(&format!("pod-{number}")).unwrap(),
        incarnation: Incarnation(number.into()),
        address: PodAddress::try_new(&format!("127.0.0.1:{number}")).unwrap(),
        zone: "".into(),
        weight: Weight::ONE,
        memory_capacity: None,
    }
}

/// Publishes one target's assignments, and counts who asks for them.
struct OneTarget {
    publish: watch::Sender<Option<AssignmentSnapshot>>,
    asked: watch::Sender<usize>,
}

impl AssignmentSource for OneTarget {
    fn subscribe(&self, name: &TargetName) -> Option<watch::Receiver<Option<AssignmentSnapshot>>> {
        let held = (*name == target()).then(|| self.publish.subscribe());
        self.asked.send_modify(|count| *count += 1);
        held
    }
}

/// A source that a test publishes through.
pub(crate) struct Source {
    pub(crate) address: String,
    pub(crate) publish: watch::Sender<Option<AssignmentSnapshot>>,
    asked: watch::Sender<usize>,
    pub(crate) stop: CancellationToken,
}

impl Source {
    /// A source that has `held` and serves a few watchers.
    pub(crate) async fn start(held: Option<AssignmentSnapshot>) -> Self {
        Self::limited(held, WatchLimits::default()).await
    }

    pub(crate) async fn limited(held: Option<AssignmentSnapshot>, limits: WatchLimits) -> Self {
        let publish = watch::Sender::new(held);
        let asked = watch::Sender::new(0);
        let stop = CancellationToken::new();
        let target = OneTarget {
            publish: publish.clone(),
            asked: asked.clone(),
        };
        let service = WatchService::new(target, limits, stop.clone());
        let address = serve(service.into_server(), stop.clone()).await;
        Self {
            address,
            publish,
            asked,
            stop,
        }
    }

    /// Waits until somebody has asked for assignments.
    pub(crate) async fn asked(&self) {
        let mut asked = self.asked.subscribe();
        let somebody = asked.wait_for(|count| *count > 0);
        assert!(soon(somebody).await.is_ok());
    }

    pub(crate) fn client(&self) -> AssignmentWatchClient<Channel> {
        AssignmentWatchClient::new(channel_to(&self.address, &ChannelSettings::default()).unwrap())
    }
}

/// Serves until `stop` is cancelled; answers with the address.
pub(crate) async fn serve<W: AssignmentWatch>(service: AssignmentWatchServer<W>, stop: CancellationToken) -> String {
    let listener = serve::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = serve::server_builder().add_service(service);
    let ends = stop.cancelled_owned();
    tokio::spawn(server.serve_with_incoming_shutdown(serve::incoming(listener), ends));
    address
}
