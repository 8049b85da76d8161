//! Hosts that are cut off, and nobody is told.

use std::time::{Duration, Instant};

use emberkeep_clerk::ClerkSettings;
use emberkeep_core::assignment::Generation;
use emberkeep_testkit::deadline::eventually;
use tokio::time::timeout;

use super::cluster::{Cluster, TARGET};
use super::metrics::{metrics, sum_of};
use super::own_network::in_own_network;
use crate::viewers::{patient, view};

/// How long a pod that answers nobody is kept, if nothing else is set.
const DEAD_AFTER: Duration = Duration::from_secs(3);
/// How much longer the news may take on a busy machine.
const SLACK: Duration = Duration::from_secs(7);

#[test]
fn requests_go_around_a_pod_that_is_cut_off_and_it_finds_out_what_it_lost_when_it_is_back() {
    in_own_network(async || {
        let cluster = Cluster::start(patient()).await;
        let mut viewers = cluster.viewers();
        let pod = &cluster.pods[0];
        let name = pod.host.name.as_str();
        viewers.until(|pods| pods.contains(name)).await;
        let lost = pod.key(&cluster);
        let cut_at = Instant::now();
        cluster.wires.cut(&pod.host);
        let routed_around = cluster.is_owned_by(|owners| !owners.contains(name));
        timeout(DEAD_AFTER + SLACK, routed_around).await.unwrap();
        eprintln!("every clerk goes around the pod {:.3?} after the cut", cut_at.elapsed());
        assert_ne!(view(&cluster.clerk, &lost).await.unwrap().pod, name);

        // Nothing is given back to it before it was seen to know what it lost.
        cluster.admin(&["freeze", TARGET]).await;
        let mended_at = Instant::now();
        cluster.wires.mend(&pod.host);
        let denial = || async { pod.denies(&lost).await.then_some(()) };
        eventually("the pod knows that it does not own the key", denial).await;
        eprintln!("it knows what it lost {:.3?} after it is back", mended_at.elapsed());
        cluster.admin(&["unfreeze", TARGET]).await;
        cluster.is_owned_by(|owners| owners.contains(name)).await;
        viewers.end().await;
    });
}

#[test]
fn an_assigner_that_is_cut_off_from_all_pods_removes_none_and_no_request_fails() {
    in_own_network(async || {
        let cluster = Cluster::start(ClerkSettings::default()).await;
        let mut viewers = cluster.viewers();
        let before = newest(&cluster);
        let cut_at = Instant::now();
        cluster.wires.cut(&cluster.assigner);
        viewers.until(|_| cut_at.elapsed() > DEAD_AFTER * 5 / 3).await;
        cluster.wires.mend(&cluster.assigner);
        eprintln!("the assigner was alone for {:.3?}", cut_at.elapsed());

        // The assigner has doubts, then it has heard from all, and it has changed nothing in between.
        for doubts in [1, 0] {
            let seen = || async { (mass_failure(&cluster).await? == doubts).then_some(()) };
            eventually(&format!("{doubts} mass failures"), seen).await;
        }
        viewers.end().await;
        assert_eq!(newest(&cluster), before);
    });
}

/// The newest change of owners.
fn newest(cluster: &Cluster) -> Generation {
    let held = cluster.clerk.assignment();
    let held = held.borrow();
    let slices = held.as_ref().unwrap().assignment.slices();
    slices.iter().map(|(_, state)| state.changed_at).max().unwrap()
}

async fn mass_failure(cluster: &Cluster) -> Option<u64> {
    let page = timeout(DEAD_AFTER, metrics(cluster.assigner.http())).await.ok()?.ok()?;
    Some(sum_of(&page, "emberkeep_assigner_mass_failure{"))
}
