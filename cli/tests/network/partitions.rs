//! Hosts that are partitioned without notice to their peers.

use std::fs;
use std::time::{Duration, Instant};

use emberkeep_core::assignment::Generation;
use emberkeep_lab::cluster::MetricsPage;
use emberkeep_lab::demo::TARGET;
use emberkeep_lab::load::{ample_deadline, ample_deadline_and_retries, denies_ownership, view, wait_until_owned};
use emberkeep_testkit::deadline::eventually;
use tokio::time::timeout;

use super::network_cluster::NetworkCluster;
use super::own_network::in_own_network;

/// The wait for a page of metrics before it is requested again.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(3);

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
        // Silent pods are kept for as long as the test takes, so only a pod that is wrongly declared dead is removed.
        cluster.admin(&["configure-target", TARGET, "--dead-after", "1h"]).await;
        let viewers = cluster.viewers();
        let before = newest(&cluster);
        let cut_at = Instant::now();
        cluster.wires.cut(&cluster.assigner);
        let suspected = || async { has_suspected_mass_failure(&cluster).then_some(()) };
        eventually("a mass failure", suspected).await;
        cluster.wires.mend(&cluster.assigner);
        eprintln!("the assigner was partitioned for {:.3?}", cut_at.elapsed());

        // All pods report again; the assignment does not change in between.
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

/// Whether the assigner has suspected a mass failure. Its log shows it even while its network is cut.
fn has_suspected_mass_failure(cluster: &NetworkCluster) -> bool {
    let log = cluster.processes.folder().log_of(&cluster.assigner.name);
    fs::read_to_string(log).unwrap().contains("many pods failed at once")
}

async fn mass_failure(cluster: &NetworkCluster) -> Option<u64> {
    let page = MetricsPage::scrape(cluster.assigner.http());
    let page = timeout(SCRAPE_TIMEOUT, page).await.ok()?.ok()?;
    Some(page.sum_of("emberkeep_assigner_mass_failure{"))
}
