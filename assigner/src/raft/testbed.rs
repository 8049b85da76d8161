//! Members on loopback, as they run in production, for the tests of this folder.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assigner::{Change, ChangeKind, ClusterState, TargetSettings};
use emberkeep_core::target::TargetName;
use emberkeep_testkit::address::free_address;
use futures::future::{join_all, select_all};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::{Leadership, Member, MemberId, ProposeError, RaftSettings};

/// Far above what anything here takes, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// Some change, a different one for each number. The only place that knows what changes look like.
pub(super) fn change(number: u64) -> Change {
    Change {
        target: TargetName::try_new(&format!("target-{number}")).unwrap(),
        kind: ChangeKind::CreateTarget {
            settings: TargetSettings::default(),
        },
    }
}

/// The state after the first `count` changes, in any order.
pub(super) fn state_after(count: u64) -> ClusterState {
    let mut state = ClusterState::default();
    for number in 0..count {
        state.apply(&change(number));
    }
    state
}

/// Fails the test where `work` never ends.
pub(super) async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(DEADLINE, work).await;
    done.unwrap_or_else(|_| panic!("{what} took more than {DEADLINE:?}"))
}

/// A member with the server that the others reach it by.
pub(super) struct Running {
    pub(super) member: Member,
    server: JoinHandle<()>,
    hang_up: CancellationToken,
}

impl Running {
    pub(super) async fn start(settings: RaftSettings, listener: TcpListener) -> Self {
        let member = Member::start(settings).await.unwrap();
        let hang_up = CancellationToken::new();
        let serve = Server::builder()
            .add_service(member.transport())
            .serve_with_incoming_shutdown(
                TcpIncoming::from(listener).with_nodelay(Some(true)),
                hang_up.clone().cancelled_owned(),
            );
        let server = tokio::spawn(async move { serve.await.unwrap() });
        Self {
            member,
            server,
            hang_up,
        }
    }

    /// Stops without a word to the others; they are hung up on, as if the process had ended.
    pub(super) async fn stop(self) {
        self.member.shutdown().await;
        self.hang_up.cancel();
        self.server.await.unwrap();
    }

    pub(super) async fn reaches(&self, state: &ClusterState) {
        let mut states = self.member.state();
        soon("reaching the state", states.wait_for(|seen| **seen == *state))
            .await
            .unwrap();
    }

    pub(super) async fn leads(&self) {
        let mut leadership = self.member.leadership();
        leadership.wait_for(Leadership::is_leading).await.unwrap();
    }
}

/// Members with folders and addresses that outlive their processes.
pub(super) struct Cluster {
    home: TempDir,
    addresses: BTreeMap<MemberId, SocketAddr>,
    running: BTreeMap<MemberId, Running>,
    snapshot_every: u64,
}

impl Cluster {
    pub(super) async fn start(size: u64, snapshot_every: u64) -> Self {
        let mut listeners = BTreeMap::new();
        for id in 1..=size {
            listeners.insert(id, TcpListener::bind(free_address()).await.unwrap());
        }
        let mut cluster = Self {
            home: tempfile::tempdir().unwrap(),
            addresses: listeners
                .iter()
                .map(|(id, listener)| (*id, listener.local_addr().unwrap()))
                .collect(),
            running: BTreeMap::new(),
            snapshot_every,
        };
        for (id, listener) in listeners {
            let settings = cluster.settings(id);
            cluster.running.insert(id, Running::start(settings, listener).await);
        }
        cluster
    }

    pub(super) fn folder(&self) -> &Path {
        self.home.path()
    }

    pub(super) fn address(&self, id: MemberId) -> String {
        format!("http://{}", self.addresses[&id])
    }

    fn settings(&self, id: MemberId) -> RaftSettings {
        RaftSettings {
            id,
            members: self.addresses.keys().map(|id| (*id, self.address(*id))).collect(),
            snapshot_every: self.snapshot_every,
            ..RaftSettings::alone(self.home.path().join(id.to_string()), self.address(id))
        }
    }

    pub(super) fn member(&self, id: MemberId) -> &Running {
        &self.running[&id]
    }

    pub(super) async fn stop(&mut self, id: MemberId) {
        soon("stopping", self.running.remove(&id).unwrap().stop()).await;
    }

    pub(super) async fn restart(&mut self, id: MemberId) {
        let listener = TcpListener::bind(self.addresses[&id]).await.unwrap();
        let started = soon("starting", Running::start(self.settings(id), listener)).await;
        self.running.insert(id, started);
    }

    /// Starts one more member, not told of any other.
    pub(super) async fn start_another(&mut self, id: MemberId) {
        let listener = TcpListener::bind(free_address()).await.unwrap();
        self.addresses.insert(id, listener.local_addr().unwrap());
        let settings = RaftSettings {
            members: BTreeMap::new(),
            ..self.settings(id)
        };
        self.running.insert(id, Running::start(settings, listener).await);
    }

    /// Whoever leads next.
    pub(super) async fn leader(&self) -> MemberId {
        let races = self.running.iter().map(|(id, running)| {
            Box::pin(async move {
                running.leads().await;
                *id
            })
        });
        soon("an election", select_all(races)).await.0
    }

    /// Proposes changes as a client does: all at once, to whoever leads, until each is acknowledged.
    pub(super) async fn propose(&self, numbers: std::ops::Range<u64>) {
        join_all(numbers.map(|number| soon("a change", self.propose_one(number)))).await;
    }

    async fn propose_one(&self, number: u64) {
        loop {
            let leader = self.member(self.leader().await);
            match leader.member.propose(change(number)).await {
                Ok(_) => return,
                // Another one leads now; changes of the tests may be applied twice.
                Err(ProposeError::NotLeader { .. } | ProposeError::Uncertain { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    pub(super) async fn all_reach(&self, state: ClusterState) {
        let state = Arc::new(state);
        join_all(self.running.values().map(|running| running.reaches(&state))).await;
    }
}
