//! The guarantees of a cluster, tested with real servers and files.

use emberkeep_proto::raft::raft_transport_client::RaftTransportClient;
use emberkeep_proto::raft::{RaftRequest, SnapshotHeader, SnapshotPart, snapshot_part::Part};
use emberkeep_testkit::deadline::{DEADLINE, eventually, within};
use futures::stream;
use openraft::async_runtime::watch::WatchReceiver;
use tonic::Code;
use tonic::transport::Channel;

use super::test_cluster::{RaftTestCluster, change, state_after, unread_meters};
use super::type_config::{SnapshotMeta, Vote};
use super::{Leadership, MemberId, ProposeError, RaftSettings};

/// Above the number of changes in a test, so that no snapshot is built.
const NO_SNAPSHOT: u64 = 1_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn three_members_elect_one_leader_and_all_reach_its_state() {
    let cluster = RaftTestCluster::start(3, NO_SNAPSHOT).await;
    cluster.propose(0..100).await;
    cluster.all_reach(state_after(100)).await;
    // On a slow machine the members may elect again in between.
    let all_redirect = async || {
        let leader = cluster.leader().await;
        for follower in (1..=3).filter(|id| *id != leader) {
            let rejected = cluster.member(follower).member.propose(change(100)).await;
            let expected = ProposeError::NotLeader {
                leader: Some(cluster.address(leader)),
            };
            rejected.err().filter(|error| *error == expected)?;
        }
        Some(())
    };
    eventually("redirects of all followers to the leader", all_redirect).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_visible_where_it_was_proposed_once_it_is_acknowledged() {
    let cluster = RaftTestCluster::start(1, NO_SNAPSHOT).await;
    cluster.leader().await;
    let member = &cluster.member(1).member;
    member.propose(change(0)).await.unwrap();
    assert_eq!(**member.state().borrow(), state_after(1));
    member.confirm_leadership().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_leader_stops_another_leads_and_nothing_is_lost() {
    let mut cluster = RaftTestCluster::start(3, NO_SNAPSHOT).await;
    let first = cluster.leader().await;
    cluster.propose(0..50).await;
    cluster.stop(first).await;
    let second = cluster.leader().await;
    assert_ne!(first, second);
    assert_eq!(
        **cluster.member(second).member.state().borrow(),
        state_after(50),
        "a leader begins with all that was acknowledged"
    );
    cluster.propose(50..100).await;
    cluster.restart(first).await;
    cluster.all_reach(state_after(100)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_members_start_again_from_their_disks() {
    let mut cluster = RaftTestCluster::start(3, 20).await;
    cluster.propose(0..90).await;
    for id in 1..=3 {
        cluster.stop(id).await;
    }
    for id in 1..=3 {
        cluster.restart(id).await;
    }
    cluster.all_reach(state_after(90)).await;
    cluster.propose(90..100).await;
    cluster.all_reach(state_after(100)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_missed_more_than_the_log_keeps_gets_a_snapshot() {
    let mut cluster = RaftTestCluster::start(3, 20).await;
    let leader = cluster.leader().await;
    let lagging = leader % 3 + 1;
    cluster.propose(0..10).await;
    cluster.member(lagging).reaches(&state_after(10)).await;
    let had = cluster
        .member(lagging)
        .member
        .node()
        .metrics()
        .borrow_watched()
        .last_log_index;
    cluster.stop(lagging).await;
    cluster.propose(10..200).await;
    let node = cluster.member(cluster.leader().await).member.node().clone();
    let is_compacted = |purged: Option<u64>| purged > had;
    let wait = node.wait(Some(DEADLINE));
    wait.metrics(
        |metrics| is_compacted(metrics.purged.map(|id| id.index)),
        "the log is compacted",
    )
    .await
    .unwrap();
    cluster.restart(lagging).await;
    cluster.all_reach(state_after(200)).await;
    let node = cluster.member(lagging).member.node().clone();
    let wait = node.wait(Some(DEADLINE));
    wait.metrics(
        |metrics| is_compacted(metrics.snapshot.map(|id| id.index)),
        "a snapshot came",
    )
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_without_a_quorum_stops_leading_and_acknowledges_nothing() {
    let mut cluster = RaftTestCluster::start(3, NO_SNAPSHOT).await;
    cluster.propose(0..1).await;
    cluster.all_reach(state_after(1)).await;
    let leader = within("the loss of a quorum", isolate_a_leader(&mut cluster)).await;
    let member = &cluster.member(leader).member;
    assert!(member.confirm_leadership().await.is_err());
    let refused = member.propose(change(1)).await;
    assert_eq!(
        refused,
        Err(ProposeError::NotLeader { leader: None }),
        "nothing was written"
    );
    assert_eq!(**member.state().borrow(), state_after(1));
}

/// Stops all members but the leader, until it has noticed. On a slow machine another member may be elected in between,
/// which the one that is left follows forever: then the others are started again.
async fn isolate_a_leader(cluster: &mut RaftTestCluster) -> MemberId {
    loop {
        let leader = cluster.leader().await;
        let others = (1..=3).filter(|id| *id != leader);
        for other in others.clone() {
            cluster.stop(other).await;
        }
        let mut leadership = cluster.member(leader).member.leadership();
        let stepped_down = leadership.wait_for(|seen| !seen.is_leading()).await.unwrap().clone();
        if stepped_down == (Leadership::Following { leader: None }) {
            return leader;
        }
        for other in others {
            cluster.restart(other).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_added_and_removed_while_the_cluster_runs() {
    let mut cluster = RaftTestCluster::start(1, NO_SNAPSHOT).await;
    cluster.propose(0..10).await;
    // On a slow machine the members may elect again at any time.
    for id in [2, 3] {
        cluster.start_another(id).await;
        let add = async || {
            let leader = cluster.member(cluster.leader().await);
            leader.member.add_member(id, cluster.address(id)).await.ok()
        };
        eventually("the addition", add).await;
    }
    let is_complete = async || (cluster.member(1).member.members().len() == 3).then_some(());
    eventually("three members", is_complete).await;
    cluster.all_reach(state_after(10)).await;

    let redirected = async || {
        let leaving = cluster.leader().await;
        let redirect = cluster.member(leaving).member.remove_member(leaving).await;
        match redirect.expect_err("a leader transfers the leadership before it is removed") {
            ProposeError::NotLeader { leader } => Some((leaving, leader?)),
            _ => None,
        }
    };
    let (leaving, successor) = eventually("a redirect to the successor", redirected).await;
    assert_ne!(successor, cluster.address(leaving));
    let remove = async || {
        let leader = cluster.member(cluster.leader().await);
        leader.member.remove_member(leaving).await.ok()
    };
    eventually("the removal", remove).await;
    cluster.stop(leaving).await;
    cluster.propose(10..20).await;
    cluster.all_reach(state_after(20)).await;
    let is_gone = async || {
        let leader = cluster.member(cluster.leader().await);
        (!leader.member.members().contains_key(&leaving)).then_some(())
    };
    eventually("a leader without the removed member", is_gone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_member_cannot_be_removed() {
    let cluster = RaftTestCluster::start(1, NO_SNAPSHOT).await;
    cluster.leader().await;
    let refused = cluster.member(1).member.remove_member(1).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the members were not changed: the last member cannot be removed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_member_is_reported_and_frees_its_folder() {
    let mut cluster = RaftTestCluster::start(1, NO_SNAPSHOT).await;
    cluster.leader().await;
    let member = cluster.member(1).member.clone();
    cluster.stop(1).await;
    assert_eq!(*member.leadership().borrow(), Leadership::Stopped);
    assert_eq!(member.propose(change(0)).await, Err(ProposeError::Stopped));
    let settings = RaftSettings::alone(cluster.folder().join("1"), cluster.address(1));
    super::Member::start(settings, unread_meters())
        .await
        .unwrap()
        .shutdown()
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_messages_are_rejected() {
    let cluster = RaftTestCluster::start(1, NO_SNAPSHOT).await;
    let mut client = RaftTransportClient::connect(cluster.address(1)).await.unwrap();
    let (to, payload) = (1, vec![0xff; 3]);

    let stray = client
        .vote(RaftRequest {
            to: 9,
            payload: payload.clone(),
        })
        .await;
    assert_eq!(
        stray.unwrap_err().message(),
        "this is member 1, the message is for member 9"
    );
    let garbled = client
        .append_entries(RaftRequest {
            to,
            payload: payload.clone(),
        })
        .await;
    assert_eq!(garbled.unwrap_err().code(), Code::InvalidArgument);

    let snapshot = async |client: &mut RaftTransportClient<Channel>, parts: Vec<Part>| {
        let parts = parts.into_iter().map(|part| SnapshotPart { part: Some(part) });
        client
            .install_snapshot(stream::iter(parts))
            .await
            .unwrap_err()
            .message()
            .to_owned()
    };
    let header = |size| {
        Part::Header(SnapshotHeader {
            to,
            payload: snapshot_payload(),
            size,
        })
    };
    let chunk = Part::Chunk(vec![0; 7]);
    for (parts, sentence) in [
        (vec![], "a snapshot begins with its header"),
        (vec![chunk.clone()], "a snapshot begins with its header"),
        (
            vec![header(u64::MAX)],
            "the snapshot is 18446744073709551615 bytes, at most 1073741824 are allowed",
        ),
        (vec![header(9), chunk.clone()], "the snapshot ended after 7 of 9 bytes"),
        (vec![header(9), header(9)], "a snapshot has one header"),
        (
            vec![header(5), chunk.clone()],
            "a snapshot of 5 bytes comes in chunks of at most 1048576 bytes and ends with the last",
        ),
    ] {
        assert_eq!(snapshot(&mut client, parts).await, sentence);
    }
    assert_eq!(cluster.leader().await, 1, "the member continues");
}

/// The payload of a leader of a later term.
fn snapshot_payload() -> Vec<u8> {
    super::codec::encode(&(Vote::new(7, 2), SnapshotMeta::default())).unwrap()
}
