//! Whole clusters as stories: faults, and how the cluster recovers.

mod load_reports;

use std::time::Duration;

use emberkeep_core::assigner::TargetSettings;
use emberkeep_core::load::Load;
use emberkeep_core::pod::{PodName, Weight};
use emberkeep_core::time::Timestamp;

use super::*;
use crate::random_stream::RandomStream;

const KEY_COUNT: u64 = 500;

fn name(number: u64) -> PodName {
    PodName::try_new(&format!("pod-{number}")).unwrap()
}

fn seconds(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_000 * seconds)
}

/// `pod_count` pods that share 1,000 units of load a second each, after a minute.
fn cluster(pod_count: u64, settings: SimClusterSettings) -> SimCluster {
    let mut cluster = SimCluster::new(settings);
    let mut random = RandomStream::new(7, 7);
    let rate = Load::from_milli(pod_count * 1_000_000 / KEY_COUNT);
    cluster.set_loads((0..KEY_COUNT).map(|_| (random.next(), rate)));
    for number in 0..pod_count {
        cluster.add_pod(NewPod {
            name: name(number),
            zone: "".into(),
            weight: Weight::ONE,
        });
    }
    cluster.run_until(seconds(60));
    cluster.take_events();
    cluster
}

fn settings() -> SimClusterSettings {
    let mut target = TargetSettings::default();
    target.balancer.max_load_hint = Load::from_units(2_000);
    SimClusterSettings {
        target,
        ..SimClusterSettings::default()
    }
}

/// The pods with load, each with its load in units.
fn loads(cluster: &SimCluster) -> Vec<(String, u64)> {
    let loaded = cluster.pods().filter(|pod| pod.load > Load::ZERO);
    loaded
        .map(|pod| (pod.pod.name.to_string(), (pod.load.milli() + 500) / 1_000))
        .collect()
}

/// The outage by that fault within 20 s.
fn outage_of(cluster: &mut SimCluster, pod: u64, fault: Fault) -> Duration {
    let before = cluster.outage().lasted;
    assert!(cluster.inject(&name(pod), fault));
    cluster.run_until(cluster.now() + Duration::from_secs(20));
    cluster.outage().lasted - before
}

#[test]
fn pods_that_start_together_share_the_load() {
    let cluster = cluster(4, settings());
    let loads = loads(&cluster);
    assert_eq!(loads.len(), 4);
    assert!(loads.iter().all(|(_, load)| load.abs_diff(1_000) < 200), "{loads:?}");
    let newest = cluster.state().assignment.generation();
    assert!(cluster.pods().all(|pod| pod.ownership.generation() == newest));
}

#[test]
fn a_draining_pod_exits_and_no_request_fails() {
    let mut cluster = cluster(3, settings());
    assert_eq!(outage_of(&mut cluster, 1, Fault::Drain), Duration::ZERO);
    let exits: Vec<_> = cluster.take_events();
    let is_exit = |event: &&TimedEvent| matches!(&event.what, ClusterEvent::Exited { is_forced: false, .. });
    assert_eq!(exits.iter().filter(is_exit).count(), 1);
    assert_eq!(loads(&cluster).len(), 2);
    assert_eq!(cluster.state().pods.len(), 2);
}

#[test]
fn a_killed_pod_is_replaced_at_once_and_a_lost_one_after_the_silence_timeout() {
    let mut killed = cluster(3, settings());
    let outage = outage_of(&mut killed, 1, Fault::Kill);
    assert!(
        outage > Duration::ZERO && outage < Duration::from_millis(100),
        "{outage:?}"
    );
    let mut lost = cluster(3, settings());
    let outage = outage_of(&mut lost, 1, Fault::Lose);
    let bounds = Duration::from_secs(3)..Duration::from_secs(6);
    assert!(bounds.contains(&outage), "{outage:?}");
}

#[test]
fn a_frozen_pod_and_a_disconnected_one_come_back() {
    for (fault, end) in [(Fault::Freeze, Fault::Thaw), (Fault::CutOff, Fault::Reconnect)] {
        let mut cluster = cluster(3, settings());
        outage_of(&mut cluster, 1, fault);
        assert_eq!(loads(&cluster).len(), 2, "{fault:?}");
        outage_of(&mut cluster, 1, end);
        assert_eq!(loads(&cluster).len(), 3, "{end:?}");
    }
}

#[test]
fn a_pod_that_restarts_takes_over_its_own_slices() {
    let mut cluster = cluster(3, settings());
    let before = loads(&cluster);
    let outage = outage_of(&mut cluster, 1, Fault::Start);
    assert!(outage < Duration::from_millis(100), "{outage:?}");
    assert_eq!(loads(&cluster).len(), before.len());
}

#[test]
fn a_new_leader_moves_no_slice_while_pods_reconnect() {
    let mut cluster = cluster(3, settings());
    let before = cluster.state().assignment.generation();
    cluster.change_leader(Duration::from_millis(500));
    cluster.run_until(cluster.now() + Duration::from_secs(10));
    assert_eq!(cluster.state().assignment.generation(), before);
    assert_eq!(cluster.outage().unanswered, Load::ZERO);
    assert!(cluster.inject(&name(0), Fault::Kill));
    cluster.run_until(cluster.now() + Duration::from_secs(10));
    assert_eq!(loads(&cluster).len(), 2, "the new leader detects failures");
}

#[test]
fn a_pod_measures_what_reaches_it() {
    for counts in [Counts::Expected, Counts::Poisson] {
        let cluster = cluster(2, SimClusterSettings { counts, ..settings() });
        let fast = |pod: &pod::SimPod| pod.session.brain().metering().fast();
        let measured: Vec<Load> = cluster.pods.iter().map(fast).collect();
        for (pod, measured) in cluster.pods().zip(measured) {
            let difference = measured.milli().abs_diff(pod.load.milli());
            assert!(difference < pod.load.milli() / 20, "{measured} of {}", pod.load);
        }
    }
}

#[test]
fn the_same_seed_leads_to_the_same_events() {
    let story = |seed| {
        let mut cluster = cluster(4, SimClusterSettings { seed, ..settings() });
        cluster.inject(&name(2), Fault::Kill);
        cluster.run_until(seconds(90));
        format!("{:?}", cluster.take_events())
    };
    assert_eq!(story(1), story(1));
    assert_ne!(story(1), story(2));
}
