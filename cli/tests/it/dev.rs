//! `emberkeep dev` from the outside: real processes, real sockets.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::binary::{finished_in, json_in};
use crate::dev_command::DevCommand;

const KEY_COUNT: usize = 150;

/// A folder with a trace that requests each key several times.
pub(crate) fn place() -> TempDir {
    let place = tempfile::tempdir().expect("there is room for a folder");
    let rows = (0..KEY_COUNT * 4).map(|row| format!("{},key-{},1\n", row * 5, row % KEY_COUNT));
    let trace = format!("at_ms,key,load\n{}", rows.collect::<String>());
    fs::write(place.path().join("trace.csv"), trace).expect("the folder is ours");
    place
}

/// Runs to the end of the trace, or of `--for`.
fn run(place: &Path, options: &str) -> Value {
    let line = format!("dev --patient --trace trace.csv --json out.json {options}");
    let ended = finished_in(place, &line);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.starts_with("page         http://127.0.0.1:"), "{ended:?}");
    assert!(ended.stderr.contains(", metrics at http://127.0.0.1:"), "{ended:?}");
    assert!(ended.stdout.starts_with("requests "), "{ended:?}");
    json_in(place, "out.json")
}

/// A run that lasts until it is stopped.
fn start(place: &Path, options: &str) -> DevCommand {
    DevCommand::start(place, &format!("--trace trace.csv {options}"))
}

/// The numbers of failed requests and of wrong answers.
fn counts(summary: &Value) -> (u64, u64) {
    let count = |name: &str| summary[name].as_u64().expect("it is a count");
    (count("failed"), count("wrong"))
}

/// The values of all events under this name.
fn all_of<'a>(summary: &'a Value, name: &str) -> Vec<&'a str> {
    let events = summary["events"].as_array().expect("events are a list");
    events.iter().filter_map(|event| event[name].as_str()).collect()
}

#[test]
fn at_full_speed_every_request_is_answered_and_every_object_is_read_once() {
    let place = place();
    let mut dev = start(place.path(), "--speed 0 --pods 3 --store s3");
    // Slices that move for balance, as they may in a long run, may have their objects read again.
    dev.wait_for("load", |progress| progress.generation());
    let frozen = dev.admin("freeze demo");
    assert_eq!(frozen.code, Some(0), "{frozen:?}");
    dev.wait_until("1,000 requests", |progress| progress.request_count() >= 1_000);
    let summary = dev.end();
    assert!(summary["ok"].as_u64() > Some(0), "{summary}");
    assert_eq!(summary["requests"], summary["ok"]);
    assert_eq!(
        (&summary["failed"], &summary["wrong"]),
        (&0.into(), &0.into()),
        "{summary}"
    );
    assert_eq!(summary["store_reads"], KEY_COUNT, "{summary}");
    assert_eq!(summary["store_bytes"], KEY_COUNT * 1_024, "{summary}");
}

#[test]
fn a_trace_is_driven_to_its_end_once() {
    let place = place();
    let summary = run(place.path(), "--speed 0 --pods 2 --store folder");
    assert_eq!(summary["ok"], KEY_COUNT * 4, "{summary}");
    assert_eq!(summary["store_reads"], KEY_COUNT, "{summary}");
    assert!(summary["warm_hits"].as_u64() > Some(0), "{summary}");
}

#[test]
fn killed_pods_and_leaders_cost_no_right_answer() {
    let place = place();
    let options = "--speed 1 --pods 3 --assigners 3 --warm-up 0s --kill-every 3s --kill-leader-every 5s \
                   --store folder";
    let mut dev = start(place.path(), options);
    dev.wait_until("a killed pod, a killed leader and moves", |progress| {
        progress.injected("Kill") > 0 && progress.injected("KillLeader") > 0 && progress.move_count() > 0
    });
    let summary = dev.end();
    assert_eq!(summary["wrong"], 0, "{summary}");
    assert!(summary["ok"].as_u64() > Some(0), "{summary}");
    let kinds = all_of(&summary, "kind");
    assert!(kinds.contains(&"kill") && kinds.contains(&"kill_leader"), "{kinds:?}");
    assert!(summary["moved_per_key"].as_f64() > Some(0.0), "{summary}");
    assert!(summary["moves"].as_u64() > Some(0), "{summary}");
}

#[test]
fn a_rolling_restart_replaces_every_pod_and_no_request_fails() {
    let place = place();
    let options = "--speed 1 --pods 3 --warm-up 1s --rolling-restart --store folder";
    let mut dev = start(place.path(), options);
    dev.shorten_moves();
    dev.wait_until_finished("--rolling-restart");
    let summary = dev.end();
    assert_eq!(counts(&summary), (0, 0), "{summary}");
    assert_eq!(all_of(&summary, "kind"), ["restart", "restart"], "{summary}");
    assert_eq!(all_of(&summary, "pod"), ["pod-1,pod-2", "pod-3"], "{summary}");
    assert!(summary["moved_per_key"].as_f64() >= Some(1.0), "{summary}");
    assert!(summary["min_hit_share"].as_f64() <= Some(1.0), "{summary}");
}

#[test]
fn draining_halted_and_partitioned_pods_cost_no_right_answer() {
    let place = place();
    let options = "--speed 1 --pods 4 --warm-up 0s --drain-every 4s --stop-every 5s --stop-for 1s \
                   --partition-every 6s --partition-for 1s --store folder";
    let mut dev = start(place.path(), options);
    dev.wait_until("each disruption", |progress| {
        ["Drain", "Stop", "Partition"]
            .iter()
            .all(|kind| progress.injected(kind) > 0)
    });
    let summary = dev.end();
    assert_eq!(summary["wrong"], 0, "{summary}");
    let kinds = all_of(&summary, "kind");
    for kind in ["drain", "stop", "partition"] {
        assert!(kinds.contains(&kind), "{kind} in {kinds:?}");
    }
}

#[test]
fn scaling_up_and_down_fails_no_request() {
    let place = place();
    let mut dev = start(
        place.path(),
        "--speed 1 --pods 2 --warm-up 1s --scale 3,2 --store folder",
    );
    dev.shorten_moves();
    dev.wait_until_finished("--scale");
    let summary = dev.end();
    assert_eq!(counts(&summary), (0, 0), "{summary}");
    assert_eq!(all_of(&summary, "pod"), ["pod-3", "pod-3"], "{summary}");
}

#[test]
fn during_an_outage_of_the_assigner_requests_and_new_clients_succeed() {
    let place = place();
    let options = "--speed 1 --pods 3 --assigners 3 --warm-up 1s --kill-assigners-for 3s --store folder";
    let mut dev = start(place.path(), options);
    dev.wait_until_finished("--kill-assigners-for");
    let summary = dev.end();
    assert_eq!(counts(&summary), (0, 0), "{summary}");
    assert_eq!(all_of(&summary, "kind"), ["kill_assigners", "restart"], "{summary}");
    assert_eq!(summary["events"][0]["pod"], "assigner-1,assigner-2,assigner-3");
}

#[test]
fn the_impact_of_a_hot_key_is_reported() {
    let place = place();
    // The key becomes hot in the middle of the time after the warm-up: after 6 s, so that requests are answered before even if
    // the machine stalls for seconds.
    let summary = run(
        place.path(),
        "--rate 300 --pods 3 --for 9s --warm-up 3s --hot-key 0.5 --store folder",
    );
    assert_eq!(summary["wrong"], 0, "{summary}");
    assert_eq!(all_of(&summary, "kind"), ["hot_key"], "{summary}");
    let event = &summary["events"][0];
    assert!(event["at_ms"].as_u64() >= Some(6_000), "{event}");
    assert!(event["p99_before_us"].as_u64() > Some(0), "{event}");
    assert!(event["p99_after_us"].as_u64() > Some(0), "{event}");
    assert!(event.get("balanced_after_ms").is_some(), "{event}");
}

#[test]
fn a_run_that_ends_during_its_rolling_restart_is_a_failure() {
    let place = place();
    // A step lasts at least as long as former owners answer late requests: 5 s.
    let line = "dev --patient --trace trace.csv --for 1s --warm-up 0s --rolling-restart --store folder";
    let ended = finished_in(place.path(), line);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("before --rolling-restart was done: give --for more time"),
        "{ended:?}"
    );
}

#[test]
fn a_killed_cluster_continues_with_its_data() {
    let place = place();
    let mut first = start(place.path(), "--pods 2");
    let generation = first.wait_for("load", |progress| progress.generation());
    drop(first);

    let summary = run(place.path(), "--data data --for 1s --pods 2");
    assert!(
        summary["generation"].as_u64() > Some(generation),
        "{summary} after {generation}"
    );
    assert_eq!(
        (&summary["failed"], &summary["wrong"]),
        (&0.into(), &0.into()),
        "{summary}"
    );
}
