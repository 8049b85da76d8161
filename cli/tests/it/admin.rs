//! `emberkeep admin`: the loads of pods, and draining a pod.

use std::net::TcpStream;

use emberkeep_testkit::deadline::wait_for;
use serde_json::Value;
use tempfile::TempDir;

use crate::dev_command::DevCommand;

/// A cluster of two pods, and the folder of its data.
fn cluster() -> (DevCommand, TempDir) {
    let place = tempfile::tempdir().expect("there is room for a folder");
    let cluster = DevCommand::start(place.path(), "--pods 2 --store folder");
    (cluster, place)
}

#[test]
fn the_loads_of_pods_and_the_tolerance_are_printed() {
    let (mut cluster, _place) = cluster();
    let loads = cluster.admin("loads demo --json");
    assert_eq!(loads.code, Some(0), "{loads:?}");
    let loads: Value = serde_json::from_str(&loads.stdout).expect("it is JSON");
    let pods = loads["pods"].as_array().expect("pods are a list");
    let names: Vec<_> = pods.iter().filter_map(|pod| pod["pod"].as_str()).collect();
    assert_eq!(names, ["pod-1", "pod-2"], "{loads}");
    // A tenth of the million units that a pod of dev can carry.
    assert_eq!(loads["load"]["tolerance_milli"], 100_000_000, "{loads}");

    let unknown = cluster.admin("loads other");
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
}

#[test]
fn a_drained_pod_owns_nothing_and_ends_and_the_last_pod_is_kept() {
    let (mut cluster, _place) = cluster();
    let pod = cluster.address_of("pod-1");
    cluster.shorten_moves();

    let unknown = cluster.admin("drain demo pod-9 --wait");
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(
        unknown.stderr.starts_with("error: ") && unknown.stderr.contains("pod-9"),
        "{unknown:?}"
    );

    let drained = cluster.admin("drain demo pod-1 --wait");
    assert_eq!(drained.code, Some(0), "{drained:?}");
    assert_eq!(drained.stdout, "pod pod-1 of target demo has drained\n");
    assert!(drained.stderr.contains(" slices left ("), "{drained:?}");
    let last = drained.stderr.lines().last().expect("progress is shown");
    assert!(
        last.starts_with("pod-1: 0 of ") && last.ends_with(" slices left"),
        "{drained:?}"
    );
    wait_for("the pod's end", || TcpStream::connect(pod).is_err().then_some(()));

    let late = cluster.admin("drain demo pod-2 --wait --timeout 2s");
    assert_eq!(late.code, Some(1), "{late:?}");
    let refusal = "error: pod pod-2 of target demo had not drained within 2s";
    assert!(late.stderr.contains(refusal), "{late:?}");

    let status = cluster.exit_status();
    assert_eq!(status, None, "the cluster continues after a pod has ended in order");
}
