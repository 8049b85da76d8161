//! Replaying and comparing on the command line.

mod binary;

use std::fs;

use binary::{emberkeep, ended};

const TRACE: &str = concat!(
    r#"{"at_ms":0,"event":"config","max_load_hint":100,"imbalance":"DEFAULT","min_replicas":1,"max_replicas":1,"decide_every_ms":5000}"#,
    "\n",
    r#"{"at_ms":0,"event":"pods_added","pods":["a","b"]}"#,
    "\n",
    r#"{"at_ms":0,"event":"load_set","loads":[["1000000000000000",30],["9000000000000000",50]]}"#,
    "\n",
    r#"{"at_ms":10000,"event":"pods_drained","pods":["a"]}"#,
    "\n",
    r#"{"at_ms":20000,"event":"end"}"#,
    "\n",
);

#[test]
fn a_replay_writes_what_was_decided_and_how_good_it_was() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("two.jsonl"), TRACE).unwrap();
    let line = "sim replay two.jsonl --balancer static --assignments log.jsonl --summary figures.json";
    let ended = ended(emberkeep(line.split_whitespace()).current_dir(place.path()));
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    let log = fs::read_to_string(place.path().join("log.jsonl")).unwrap();
    let expected = concat!(
        r#"{"at_ms":0,"slices":[["",["a"]],["8000000000000000",["b"]]]}"#,
        "\n",
        r#"{"at_ms":10000,"slices":[["",["b"]]]}"#,
        "\n",
    );
    assert_eq!(log, expected);
    let figures = fs::read_to_string(place.path().join("figures.json")).unwrap();
    let figures: serde_json::Value = serde_json::from_str(&figures).unwrap();
    assert_eq!(figures["uncovered"], 0);
    assert_eq!(figures["ticks"], 4);
    let shown: Vec<_> = ended
        .stdout
        .lines()
        .map(|line| line.split_whitespace().take(2).collect::<Vec<_>>())
        .collect();
    assert_eq!(shown, [["TRACE", "BALANCER"], ["two", "static"]]);
}

#[test]
fn without_a_trace_all_balancers_are_compared_on_the_built_in_one() {
    let place = tempfile::tempdir().unwrap();
    let page = place.path().join("page.html");
    let ended = ended(&mut emberkeep(["sim", "compare", "--html", page.to_str().unwrap()]));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let shown: Vec<_> = ended
        .stdout
        .lines()
        .map(|line| line.split_whitespace().nth(1).unwrap())
        .collect();
    assert_eq!(shown, ["BALANCER", "emberkeep", "ring", "rendezvous", "static"]);
    assert!(fs::read_to_string(page).unwrap().starts_with("<!doctype html>"));
}

#[test]
fn a_trace_that_cannot_be_replayed_is_named_with_its_line() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("bad.jsonl"), TRACE.replace("[\"a\"]", "[\"c\"]")).unwrap();
    let ended = ended(emberkeep(["sim", "replay", "bad.jsonl"]).current_dir(place.path()));
    let sentence =
        "error: trace bad.jsonl, line 4: pod \"c\" goes, but it is not there; only pods that were added may\n";
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(2), sentence), "{ended:?}");
}
