//! `emberkeep sim requests`: figures, reproducibility and errors.

use std::fs;

use crate::binary::{FinishedCommand, finished_in, json_in};

const TRACE: &str = "at_ms,key,load\n0,a,1\n10,b,1\n20,a,1\n30,a,1\n40,b,2.5\n";

/// Runs `emberkeep sim requests` with these arguments in a folder with the file `five.csv`.
fn requests(line: &str) -> (FinishedCommand, tempfile::TempDir) {
    let place = tempfile::tempdir().expect("there is room for a file");
    fs::write(place.path().join("five.csv"), TRACE).expect("there is room for a file");
    (finished_in(place.path(), &format!("sim requests {line}")), place)
}

#[test]
fn requests_are_replayed_with_three_balancers_and_the_figures_written() {
    let (ended, place) = requests("five.csv --pods 1 --warm-keys 10 --json figures.json");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    let mut lines = ended.stdout.lines();
    assert_eq!(
        lines.next(),
        Some("five: 5 requests for 2 keys in 1 s, pods that can keep 10 values each, 1 in the beginning")
    );
    let firsts: Vec<_> = lines.filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(firsts, ["BALANCER", "emberkeep", "ring", "stateless"]);
    let figures = json_in(place.path(), "figures.json");
    assert_eq!((&figures["requests"], &figures["keys"]), (&5.into(), &2.into()));
    for balancer in figures["balancers"].as_array().unwrap() {
        assert_eq!(
            (&balancer["hits"], &balancer["cold"]),
            (&3.into(), &2.into()),
            "{balancer}"
        );
        assert_eq!(balancer["worst_hit_share"], serde_json::Value::Null);
    }
}

#[test]
fn without_a_trace_the_built_in_requests_are_replayed_reproducibly() {
    let line = "--pods 3 --kill-every 20s --add 2@30s --rolling-restart --seed 5";
    let (first, second) = (requests(line).0, requests(line).0);
    assert_eq!(first.code, Some(0), "{first:?}");
    assert!(
        first
            .stdout
            .starts_with("built-in: 5000 requests for 2268 keys in 50 s"),
        "{first:?}"
    );
    assert_eq!(first.stdout, second.stdout);
}

#[test]
fn impossible_arguments_are_refused_with_one_sentence() {
    let cases = [
        (
            "none.csv",
            "cannot read trace none.csv: No such file or directory (os error 2)",
        ),
        (
            "five.csv --pods 0",
            "there are 0 pods, it must be 1 to 1000, those that join counted",
        ),
        (
            "five.csv --memory 1KiB",
            "a pod can keep 1024 bytes warm, which is less than the 4096 bytes of one value",
        ),
        (
            "--kill-every 60s",
            "pods are to be killed at 60000 ms, but the last request is at 49990 ms",
        ),
        (
            "five.csv --json no/figures.json",
            "cannot write no/figures.json: No such file or directory (os error 2)",
        ),
    ];
    for (line, sentence) in cases {
        let (ended, _) = requests(line);
        let expected = format!("error: {sentence}\n");
        assert_eq!((ended.code, ended.stderr), (Some(2), expected), "{line}");
    }
}

#[test]
fn a_trace_that_cannot_be_read_is_named_with_its_line() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("bad.csv"), TRACE.replace("20,a,1", "20,a,much")).unwrap();
    let ended = finished_in(place.path(), "sim requests bad.csv");
    let sentence = "error: trace bad.csv, line 4: load \"much\" is not a number; a row is at_ms,key,load\n";
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(2), sentence), "{ended:?}");
}

#[test]
fn invalid_arguments_are_refused_with_the_allowed_forms() {
    for (line, allowed) in [
        ("--speed 0", "it must be a number from 0.001 to 1000"),
        (
            "--memory lots",
            "write a number of bytes, as 4096, 4KiB, 256MiB or 2GiB",
        ),
        ("--add 2", "write how many pods join and when, as 2@60s"),
        ("--kill-every 60", "write a number and a unit, as 500ms, 30s, 2m or 1h"),
    ] {
        let (ended, _) = requests(line);
        assert_eq!(ended.code, Some(2), "{line}");
        assert!(ended.stderr.contains(allowed), "{line}: {}", ended.stderr);
    }
}
