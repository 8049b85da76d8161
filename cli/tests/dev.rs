//! `emberkeep dev` from the outside: real processes, real sockets.

mod binary;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;

use binary::{emberkeep, ended};
use serde_json::Value;
use tempfile::TempDir;

const KEY_COUNT: usize = 150;

/// A folder with a trace that asks for each key several times.
fn place() -> TempDir {
    let place = tempfile::tempdir().expect("there is room for a folder");
    let rows = (0..KEY_COUNT * 4).map(|row| format!("{},key-{},1\n", row * 5, row % KEY_COUNT));
    let trace = format!("at_ms,key,load\n{}", rows.collect::<String>());
    fs::write(place.path().join("trace.csv"), trace).expect("the folder is ours");
    place
}

fn run(place: &Path, options: &str) -> Value {
    let mut command = emberkeep(["dev", "--trace", "trace.csv", "--json", "out.json"]);
    let ended = ended(command.args(options.split_whitespace()).current_dir(place));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains(", metrics at http://127.0.0.1:"), "{ended:?}");
    assert!(ended.stdout.starts_with("requests "), "{ended:?}");
    let json = fs::read_to_string(place.join("out.json")).expect("it was asked for");
    serde_json::from_str(&json).expect("it is JSON")
}

#[test]
fn at_full_speed_every_request_is_answered_and_every_object_read_once() {
    let place = place();
    let summary = run(place.path(), "--speed 0 --pods 3 --for 3s --store s3");
    assert!(summary["ok"].as_u64() > Some(0), "{summary}");
    assert_eq!(summary["requests"], summary["ok"]);
    assert_eq!(
        (&summary["failed"], &summary["wrong"]),
        (&0.into(), &0.into()),
        "{summary}"
    );
    assert_eq!(summary["moves"], 0, "{summary}");
    assert_eq!(summary["store_reads"], KEY_COUNT, "{summary}");
    assert_eq!(summary["store_bytes"], KEY_COUNT * 1_024, "{summary}");
}

#[test]
fn a_trace_is_driven_once_to_its_end() {
    let place = place();
    let summary = run(place.path(), "--speed 0 --pods 2 --store folder");
    assert_eq!(summary["ok"], KEY_COUNT * 4, "{summary}");
    assert_eq!(summary["store_reads"], KEY_COUNT, "{summary}");
    assert!(summary["warm_hits"].as_u64() > Some(0), "{summary}");
}

#[test]
fn killed_pods_and_leaders_cost_no_right_answer() {
    let place = place();
    let options = "--speed 1 --pods 3 --assigners 3 --for 8s --kill-every 3s --kill-leader-every 5s --store folder";
    let summary = run(place.path(), options);
    assert_eq!(summary["wrong"], 0, "{summary}");
    assert!(summary["ok"].as_u64() > Some(0), "{summary}");
    let events = summary["events"].as_array().expect("events are a list");
    let kinds: Vec<_> = events.iter().filter_map(|event| event["kind"].as_str()).collect();
    assert!(kinds.contains(&"kill") && kinds.contains(&"kill_leader"), "{kinds:?}");
    assert!(summary["moves"].as_u64() > Some(0), "{summary}");
}

#[test]
fn a_cluster_that_was_killed_goes_on_where_it_was() {
    let place = place();
    let mut command = emberkeep([
        "dev",
        "--trace",
        "trace.csv",
        "--data",
        "data",
        "--for",
        "1h",
        "--pods",
        "2",
    ]);
    let mut first = command.current_dir(place.path()).spawn().expect("the binary was built");
    let stderr = BufReader::new(first.stderr.take().expect("it is piped"));
    let pulse = stderr
        .lines()
        .map_while(Result::ok)
        .find(|line| line.contains(", generation "));
    first.kill().expect("it runs");
    first.wait().expect("it was started");
    let pulse = pulse.expect("it ran");
    let (_, generation) = pulse.rsplit_once(", generation ").expect("it was looked for");
    let generation: u64 = generation.parse().expect("a generation is a number");

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
