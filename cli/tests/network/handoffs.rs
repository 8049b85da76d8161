//! Handoffs over links that are slow, lose packets, or are cut.

use std::time::Instant;

use emberkeep_core::assignment::Assignment;
use emberkeep_lab::DEADLINE;
use emberkeep_lab::cluster::MetricsPage;
use emberkeep_lab::demo::TARGET;
use emberkeep_lab::load::{ample_deadline, wait_until_assigned, wait_until_owned};
use emberkeep_testkit::deadline::eventually;

use super::host::Host;
use super::network_cluster::{NetworkCluster, keys};
use super::own_network::in_own_network;
use super::wires::Wires;

/// More bytes than the start of a transfer takes, fewer than a value.
const BEGUN_BYTE_COUNT: u64 = 8 << 10;

#[test]
fn a_drain_over_links_that_lose_every_fifth_packet_ends_and_every_answer_is_right() {
    in_own_network(async || drain_over(Wires::lose_between).await);
}

#[test]
fn a_drain_over_slow_links_ends_and_every_answer_is_right() {
    in_own_network(async || drain_over(Wires::delay_between).await);
}

/// Drains a pod after degrading the links between pods, if the machine supports that.
async fn drain_over(degrade: impl Fn(&Wires, &[Host]) -> Result<(), String>) {
    let mut cluster = NetworkCluster::start(ample_deadline()).await;
    let hosts = cluster.pods.clone();
    if let Err(reason) = degrade(&cluster.wires, &hosts) {
        eprintln!("skipped: no such links: {reason}");
        return;
    }
    let mut viewers = cluster.viewers();
    let name = hosts[0].name.as_str();
    viewers.until(|pods| pods.contains(name)).await.unwrap();
    let drained_at = Instant::now();
    cluster.admin(&["drain", TARGET, name]).await;
    let pod = cluster.processes.pod_mut(name).unwrap();
    pod.process.ended(DEADLINE).await.unwrap();
    eprintln!("the pod has drained after {:.3?}", drained_at.elapsed());
    wait_until_owned(&cluster.clerk, |owners| !owners.contains(name))
        .await
        .unwrap();
    viewers.end().await.unwrap();
}

#[test]
fn a_handoff_whose_link_is_cut_in_the_middle_ends_and_no_request_fails() {
    in_own_network(async || {
        let cluster = NetworkCluster::start(ample_deadline()).await;
        let [old, new] = [0, 1].map(|pod: usize| &cluster.pods[pod]);
        if let Err(reason) = cluster.wires.narrow(old, new) {
            eprintln!("skipped: no narrow links: {reason}");
            return;
        }
        // Until the link is cut, no handoff ends before its transfer, even if the machine stalls.
        cluster
            .admin(&["configure-target", TARGET, "--warm-timeout", "1h"])
            .await;
        let viewers = cluster.viewers();
        let before = cluster.wires.passed_narrow(new);
        cluster.admin(&["pin", TARGET, "--range", "..", &new.name]).await;
        let passed = || async { (cluster.wires.passed_narrow(new) > before + BEGUN_BYTE_COUNT).then_some(()) };
        eventually("values are transferred", passed).await;
        let cut_at = Instant::now();
        cluster.wires.separate(old, new);
        let under_way = cluster
            .clerk
            .assignment()
            .borrow()
            .as_ref()
            .map(|held| hands_over(&held.assignment, old, new));
        assert_eq!(under_way, Some(true), "it ended before it was cut");
        cluster
            .admin(&["configure-target", TARGET, "--warm-timeout", "10s"])
            .await;
        let owns_all = |_: &Assignment| keys().all(|key| cluster.owner_of(&key) == new.name);
        wait_until_assigned(&cluster.clerk, owns_all).await.unwrap();
        eprintln!("the new owner has everything {:.3?} after the cut", cut_at.elapsed());
        eprintln!("{}", pulls_of(new).await);
        viewers.end().await.unwrap();
    });
}

/// Whether the new pod is warming a slice that the old one still serves.
fn hands_over(held: &Assignment, old: &Host, new: &Host) -> bool {
    let is_of = |pod, host: &Host| held.pod(pod).name.as_str() == host.name;
    held.slices().iter().any(|(_, state)| {
        let comes_from_old = state.replicas.source().is_some_and(|pod| is_of(pod, old));
        comes_from_old && state.replicas.warming().any(|pod| is_of(pod, new))
    })
}

/// The outcomes of its pulls from other pods.
async fn pulls_of(pod: &Host) -> String {
    let page = MetricsPage::scrape(pod.http()).await.unwrap();
    let lines = page.lines_of("emberkeep_slicelet_pulls_total");
    lines.collect::<Vec<_>>().join("\n")
}
