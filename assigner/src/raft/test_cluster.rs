//! A cluster of members on loopback, for the tests of this folder.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use emberkeep_core::assigner::{Change, ChangeKind, ClusterState, TargetSettings};
use emberkeep_core::target::TargetName;
use emberkeep_testkit::address::free_address;
use emberkeep_testkit::deadline::within;
use futures::future::{join_all, select_all};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::meters::RaftMeters;
use super::{Leadership, Member, MemberId, ProposeError, RaftSettings};
use crate::metrics::Metrics;

/// The meters of a member whose metrics no test reads.
pub(super) fn unread_meters() -> RaftMeters {
    Metrics::new().raft_meters().clone()
}

/// A change, different for each number.
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

/// A member with its gRPC server.
pub(super) struct RaftTestMember {
    pub(super) member: Member,
    server: JoinHandle<()>,
    stop_server: CancellationToken,
}

impl RaftTestMember {
    pub(super) async fn start(settings: RaftSettings, listener: TcpListener) -> Self {
        let member = Member::start(settings, unread_meters()).await.unwrap();
        let stop_server = CancellationToken::new();
        let serve = Server::builder()
            .add_service(member.transport())
            .serve_with_incoming_shutdown(
                TcpIncoming::from(listener).with_nodelay(Some(true)),
                stop_server.clone().cancelled_owned(),
            );
        let server = tokio::spawn(async move { serve.await.unwrap() });
        Self {
            member,
            server,
            stop_server,
        }
    }

    /// Stops without notice to the others, whose connections break as if the process had ended.
    pub(super) async fn stop(self) {
        self.member.shutdown().await;
        self.stop_server.cancel();
        self.server.await.unwrap();
    }

    pub(super) async fn reaches(&self, state: &ClusterState) {
        let mut states = self.member.state();
        within("reaching the state", states.wait_for(|seen| **seen == *state))
            .await
            .unwrap();
    }

    pub(super) async fn leads(&self) {
        let mut leadership = self.member.leadership();
        leadership.wait_for(Leadership::is_leading).await.unwrap();
    }
}

/// Members whose folders and addresses outlive a stop.
pub(super) struct RaftTestCluster {
    home: TempDir,
    addresses: BTreeMap<MemberId, SocketAddr>,
    running: BTreeMap<MemberId, RaftTestMember>,
    snapshot_every: u64,
}

impl RaftTestCluster {
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
            cluster
                .running
                .insert(id, RaftTestMember::start(settings, listener).await);
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

    pub(super) fn member(&self, id: MemberId) -> &RaftTestMember {
        &self.running[&id]
    }

    pub(super) async fn stop(&mut self, id: MemberId) {
        within("stopping", self.running.remove(&id).unwrap().stop()).await;
    }

    pub(super) async fn restart(&mut self, id: MemberId) {
        let listener = TcpListener::bind(self.addresses[&id]).await.unwrap();
        let started = within("starting", RaftTestMember::start(self.settings(id), listener)).await;
        self.running.insert(id, started);
    }

    /// Starts a further member with an empty list of members.
    pub(super) async fn start_another(&mut self, id: MemberId) {
        let listener = TcpListener::bind(free_address()).await.unwrap();
        self.addresses.insert(id, listener.local_addr().unwrap());
        let settings = RaftSettings {
            members: BTreeMap::new(),
            ..self.settings(id)
        };
        self.running.insert(id, RaftTestMember::start(settings, listener).await);
    }

    /// The first member that leads.
    pub(super) async fn leader(&self) -> MemberId {
        let members = self.running.iter().map(|(id, running)| {
            Box::pin(async move {
                running.leads().await;
                *id
            })
        });
        within("an election", select_all(members)).await.0
    }

    /// Proposes changes concurrently to the leader, and repeats each until it is acknowledged.
    pub(super) async fn propose(&self, numbers: std::ops::Range<u64>) {
        join_all(numbers.map(|number| within("a change", self.propose_one(number)))).await;
    }

    async fn propose_one(&self, number: u64) {
        loop {
            let leader = self.member(self.leader().await);
            match leader.member.propose(change(number)).await {
                Ok(_) => return,
                // Another member may lead now. Applying a test's change twice is harmless.
                Err(ProposeError::NotLeader { .. } | ProposeError::Uncertain { .. }) => {}
                Err(ProposeError::Timeout { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    pub(super) async fn all_reach(&self, state: ClusterState) {
        let state = Arc::new(state);
        join_all(self.running.values().map(|running| running.reaches(&state))).await;
    }
}
