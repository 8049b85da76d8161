//! Hosts that are partitioned without notice to their peers.

use std::time::{Duration, Instant};

use emberkeep_core::assignment::Generation;
use emberkeep_lab::cluster::MetricsPage;
use emberkeep_lab::demo::TARGET;
use emberkeep_lab::load::{ample_deadline, ample_deadline_and_retries, denies_ownership, view, wait_until_owned};
use emberkeep_proto::pb;
use emberkeep_proto::pb::admin_client::AdminClient;
use emberkeep_testkit::deadline::eventually;
use tokio::time::timeout;

use super::network_cluster::NetworkCluster;
use super::own_network::in_own_network;

/// The default `dead_after`: the time for which a silent pod is kept.
const DEAD_AFTER: Duration = Duration::from_secs(3);

#[test]
fn requests_are_routed_around_a_partitioned_pod_and_it_learns_what_it_lost_when_it_is_back() {
    in_own_network(async || {
        let cluster = NetworkCluster::start(ample_deadline_and_retries()).await;
        let mut viewers = cluster.viewers();
        let pod = &cluster.pods[0];
        let name = pod.name.as_str();
        viewers.until(|pods| pods.contains(name)).await.unwrap();
        let lost = cluster.key_of(pod);
        let cut_at = Instant::now();
        cluster.wires.cut(pod);
        wait_until_owned(&cluster.clerk, |owners| !owners.contains(name))
            .await
            .unwrap();
        eprintln!(
            "requests are routed around the pod {:.3?} after the cut",
            cut_at.elapsed()
        );
        assert_ne!(view(&cluster.clerk, &lost).await.unwrap().pod, name);

        // While frozen, the target cannot give the pod new slices before it has acknowledged the loss of its old ones.
        cluster.admin(&["freeze", TARGET]).await;
        let mended_at = Instant::now();
        cluster.wires.mend(pod);
        let denial = || async { denies_ownership(pod.listen(), &lost).await.then_some(()) };
        eventually("the pod knows that it does not own the key", denial).await;
        eprintln!("it knows what it lost {:.3?} after it is back", mended_at.elapsed());
        cluster.admin(&["unfreeze", TARGET]).await;
        wait_until_owned(&cluster.clerk, |owners| owners.contains(name))
            .await
            .unwrap();
        viewers.end().await.unwrap();
    });
}

#[test]
fn an_assigner_partitioned_from_all_pods_removes_none_and_no_request_fails() {
    in_own_network(async || {
        let cluster = NetworkCluster::start(ample_deadline()).await;
        let mut viewers = cluster.viewers();
        let before = newest(&cluster);
        let cut_at = Instant::now();
        cluster.wires.cut(&cluster.assigner);
        viewers.until(|_| cut_at.elapsed() > DEAD_AFTER * 5 / 3).await.unwrap();
        cluster.wires.mend(&cluster.assigner);
        eprintln!("the assigner was partitioned for {:.3?}", cut_at.elapsed());

        // The assigner suspects a mass failure, then all pods report again; the assignment does not change in between.
        let suspected = || async { has_suspected_mass_failure(&cluster).await.then_some(()) };
        eventually("a mass failure", suspected).await;
        let is_over = || async { (mass_failure(&cluster).await? == 0).then_some(()) };
        eventually("the end of the mass failure", is_over).await;
        viewers.end().await.unwrap();
        assert_eq!(newest(&cluster), before);
    });
}

/// The generation of the newest owner change.
fn newest(cluster: &NetworkCluster) -> Generation {
    let held = cluster.clerk.assignment();
    let held = held.borrow();
    let slices = held.as_ref().unwrap().assignment.slices();
    slices.iter().map(|(_, state)| state.changed_at).max().unwrap()
}

/// Whether the assigner suspects a mass failure, or did within the last minute, in which it balances nothing: on a slow
/// machine the suspicion itself may be over.
async fn has_suspected_mass_failure(cluster: &NetworkCluster) -> bool {
    let is_in = |outlook: String| outlook.contains("it may be an outage");
    mass_failure(cluster).await == Some(1) || outlook(cluster).await.is_some_and(is_in)
}

/// What the assigner decides next, and why not now.
async fn outlook(cluster: &NetworkCluster) -> Option<String> {
    let explained = async {
        let url = cluster.processes.assigner_urls().remove(0);
        let mut admin = AdminClient::connect(url).await.ok()?;
        let target = TARGET.to_owned();
        let request = pb::ExplainTargetRequest { target, last: 1 };
        Some(admin.explain_target(request).await.ok()?.into_inner().outlook)
    };
    timeout(DEAD_AFTER, explained).await.ok()?
}

async fn mass_failure(cluster: &NetworkCluster) -> Option<u64> {
    let page = MetricsPage::scrape(cluster.assigner.http());
    let page = timeout(DEAD_AFTER, page).await.ok()?.ok()?;
    Some(page.sum_of("emberkeep_assigner_mass_failure{"))
}
