//! `emberkeep admin`: the loads of pods, explanations, events, and draining a pod.

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
fn a_key_and_a_pod_are_explained_and_other_subjects_refused() {
    let (mut cluster, _place) = cluster();
    let key = cluster.admin("explain demo user-17");
    assert_eq!(key.code, Some(0), "{key:?}");
    assert!(key.stdout.starts_with("application key user-17\nkey "), "{key:?}");
    for line in [
        "\nwhere\n",
        " serves it\n",
        "\nwhy\n",
        " because it had no owner",
        "\n  now: ",
    ] {
        assert!(key.stdout.contains(line), "{line} is missing in {key:?}");
    }
    let json = cluster.admin("explain demo user-17 --json");
    let json: Value = serde_json::from_str(&json.stdout).expect("it is JSON");
    let pod = json["replicas"][0]["pod"].as_str().expect("a pod owns it").to_owned();
    let slice = json["slice"].as_str().expect("it is in a slice");
    let range = cluster.admin(&format!("explain demo {slice} --json"));
    let range: Value = serde_json::from_str(&range.stdout).expect("it is JSON");
    assert_eq!((&range["slice"], &range["key"]), (&json["slice"], &Value::Null));
    let pod = cluster.admin(&format!("explain demo {pod}"));
    assert!(pod.stdout.contains("\nwhat keeps or moves it\n"), "{pod:?}");

    for (subject, sentence) in [
        ("pod-9 --pod", "there is no pod pod-9; the pods are pod-1, pod-2"),
        ("..", "covers 64 slices; ask about one of them"),
    ] {
        let refused = cluster.admin(&format!("explain demo {subject}"));
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{refused:?}");
        assert!(refused.stderr.contains(sentence), "{refused:?}");
    }
    let top = cluster.admin("top demo");
    assert_eq!((top.code, top.stdout.as_str()), (Some(2), ""), "{top:?}");
    assert!(
        top.stderr.starts_with("error: standard output is no terminal"),
        "{top:?}"
    );
    let top = cluster.admin("top demo --json");
    let top: Value = serde_json::from_str(&top.stdout).expect("it is JSON");
    assert_eq!(top["pods"].as_array().map(Vec::len), Some(2), "{top}");
}

#[test]
fn followed_events_show_a_drain_and_a_change_of_the_leader() {
    let place = tempfile::tempdir().expect("there is room for a folder");
    let mut cluster = DevCommand::start(
        place.path(),
        "--pods 2 --assigners 3 --store folder --kill-leader-every 20s",
    );
    let events = cluster.admin("events demo");
    assert!(events.stdout.contains("  pod       pod-1 joined at "), "{events:?}");
    let followed = cluster.follow("events demo --follow --last 0");
    followed.wait_for("the leader has changed: member ");
    followed.wait_for("this leader began");
    // The reasons of the last leader are known to the new one, and not printed a second time.
    let events = cluster.admin("events demo --last 1000");
    let before_the_leader = events.stdout.split("this leader began").next();
    assert!(
        before_the_leader.is_some_and(|known| known.contains("generation 1: ")),
        "{events:?}"
    );
    let explained = cluster.admin("explain demo user-1");
    assert!(
        explained
            .stdout
            .contains(" because it had no owner, or too few (missing)"),
        "{explained:?}"
    );
    assert!(!followed.has_printed("generation 1: "));
    let drain = cluster.admin("drain demo pod-1");
    assert_eq!(drain.code, Some(0), "{drain:?}");
    followed.wait_for("  pod       pod-1 drains");
    followed.wait_for("  move      ");
    assert_eq!(followed.interrupt(), Some(0), "Ctrl-C ends it in order");
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
