//! What a cluster of members promises, checked on real servers and real files.

use std::time::Duration;

use super::testbed::{Cluster, change, soon, state_after};
use super::{Leadership, ProposeError, RaftSettings};

/// Few enough that no snapshot is made.
const NO_SNAPSHOT: u64 = 1_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn three_members_elect_one_leader_and_all_reach_its_state() {
    let cluster = Cluster::start(3, NO_SNAPSHOT).await;
    let leader = cluster.leader().await;
    cluster.propose(0..100).await;
    cluster.all_reach(state_after(100)).await;
    for follower in (1..=3).filter(|id| *id != leader) {
        let refused = cluster.member(follower).member.propose(change(100)).await;
        let expected = ProposeError::NotLeader {
            leader: Some(cluster.address(leader)),
        };
        assert_eq!(refused.unwrap_err(), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_visible_where_it_was_proposed_once_it_is_acknowledged() {
    let cluster = Cluster::start(1, NO_SNAPSHOT).await;
    cluster.leader().await;
    let member = &cluster.member(1).member;
    member.propose(change(0)).await.unwrap();
    assert_eq!(**member.state().borrow(), state_after(1));
    member.confirm_leadership().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_leader_stops_another_leads_and_nothing_is_lost() {
    let mut cluster = Cluster::start(3, NO_SNAPSHOT).await;
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
    let mut cluster = Cluster::start(3, 20).await;
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
    let mut cluster = Cluster::start(3, 20).await;
    let leader = cluster.leader().await;
    let lagging = leader % 3 + 1;
    cluster.propose(0..10).await;
    cluster.member(lagging).reaches(&state_after(10)).await;
    let had = cluster.member(lagging).member.node().metrics();
    let had = openraft::async_runtime::watch::WatchReceiver::borrow_watched(&had).last_log_index;
    cluster.stop(lagging).await;
    cluster.propose(10..200).await;
    let node = cluster.member(cluster.leader().await).member.node().clone();
    let is_compacted = |purged: Option<u64>| purged > had;
    let wait = node.wait(Some(Duration::from_secs(30)));
    wait.metrics(
        |metrics| is_compacted(metrics.purged.map(|id| id.index)),
        "the log is compacted",
    )
    .await
    .unwrap();
    cluster.restart(lagging).await;
    cluster.all_reach(state_after(200)).await;
    let node = cluster.member(lagging).member.node().clone();
    let wait = node.wait(Some(Duration::from_secs(30)));
    wait.metrics(
        |metrics| is_compacted(metrics.snapshot.map(|id| id.index)),
        "a snapshot came",
    )
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_cut_off_from_its_quorum_stops_to_lead_and_acknowledges_nothing() {
    let mut cluster = Cluster::start(3, NO_SNAPSHOT).await;
    let leader = cluster.leader().await;
    cluster.propose(0..1).await;
    for follower in (1..=3).filter(|id| *id != leader) {
        cluster.stop(follower).await;
    }
    let member = &cluster.member(leader).member;
    let mut leadership = member.leadership();
    let stepped_down = leadership.wait_for(|seen| *seen == Leadership::Following { leader: None });
    soon("noticing the loss", stepped_down).await.unwrap();
    assert!(member.confirm_leadership().await.is_err());
    assert!(member.propose(change(1)).await.is_err());
    assert_eq!(**member.state().borrow(), state_after(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_added_and_removed_while_the_cluster_runs() {
    let mut cluster = Cluster::start(1, NO_SNAPSHOT).await;
    cluster.propose(0..10).await;
    for id in [2, 3] {
        cluster.start_another(id).await;
        cluster
            .member(1)
            .member
            .add_member(id, cluster.address(id))
            .await
            .unwrap();
    }
    assert_eq!(cluster.member(1).member.members().len(), 3);
    cluster.all_reach(state_after(10)).await;

    let handed_over = cluster.member(1).member.remove_member(1).await.unwrap_err();
    let ProposeError::NotLeader { leader: Some(leader) } = handed_over else {
        panic!("a leader hands over before it is removed: {handed_over}");
    };
    let heir = (2..=3).find(|id| cluster.address(*id) == leader).unwrap();
    soon("leading", cluster.member(heir).leads()).await;
    cluster.member(heir).member.remove_member(1).await.unwrap();
    cluster.stop(1).await;
    cluster.propose(10..20).await;
    cluster.all_reach(state_after(20)).await;
    assert!(!cluster.member(heir).member.members().contains_key(&1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_member_stays() {
    let cluster = Cluster::start(1, NO_SNAPSHOT).await;
    cluster.leader().await;
    let refused = cluster.member(1).member.remove_member(1).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the members stay as they are: the last member cannot be removed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_member_says_so_and_frees_its_folder() {
    let mut cluster = Cluster::start(1, NO_SNAPSHOT).await;
    cluster.leader().await;
    let member = cluster.member(1).member.clone();
    cluster.stop(1).await;
    assert_eq!(*member.leadership().borrow(), Leadership::Stopped);
    assert_eq!(member.propose(change(0)).await, Err(ProposeError::Stopped));
    let settings = RaftSettings::alone(cluster.folder().join("1"), cluster.address(1));
    super::Member::start(settings).await.unwrap().shutdown().await;
}
