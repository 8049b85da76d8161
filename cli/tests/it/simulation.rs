//! `emberkeep sim`: replays, comparisons, scenarios and soaks.

use std::fs;

use crate::binary::{emberkeep, finished, finished_in, json_in};

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
fn a_replay_writes_assignments_and_figures() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("two.jsonl"), TRACE).unwrap();
    let line = "sim replay two.jsonl --balancer static --assignments log.jsonl --summary figures.json";
    let ended = finished_in(place.path(), line);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    let log = fs::read_to_string(place.path().join("log.jsonl")).unwrap();
    let expected = concat!(
        r#"{"at_ms":0,"slices":[["",["a"]],["8000000000000000",["b"]]]}"#,
        "\n",
        r#"{"at_ms":10000,"slices":[["",["b"]]]}"#,
        "\n",
    );
    assert_eq!(log, expected);
    let figures = json_in(place.path(), "figures.json");
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
    let ended = finished(&mut emberkeep(["sim", "compare", "--html", page.to_str().unwrap()]));
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
    let ended = finished_in(place.path(), "sim replay bad.jsonl");
    let sentence =
        "error: trace bad.jsonl, line 4: pod \"c\" crashes or drains but is not present; it must be added first\n";
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(2), sentence), "{ended:?}");
}

#[test]
fn measured_signals_need_the_balancer_emberkeep() {
    let ended = finished(&mut emberkeep(
        "sim replay none.jsonl --signals measured --balancer ring".split_whitespace(),
    ));
    assert_eq!(ended.code, Some(2));
    let sentence = "error: --signals measured needs --balancer emberkeep, ring measures nothing\n";
    assert_eq!(ended.stderr, sentence);
}

#[test]
fn a_measured_replay_writes_figures_between_the_ticks() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("two.jsonl"), TRACE).unwrap();
    let line = "sim replay two.jsonl --signals measured --summary figures.json";
    let ended = finished_in(place.path(), line);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    let figures = json_in(place.path(), "figures.json");
    assert_eq!(figures["uncovered"], 1, "no detection is instant");
    assert!(figures["measured"]["load_steps"].is_array(), "{figures}");
}

const SCENARIO: &str = "pods 2\ncapacity 100\nkeys 20 uniform\nload 100\nwatch from 0s\nrun 10s\n";

#[test]
fn an_expected_outcome_is_shown_and_another_is_refused_with_the_difference() {
    let place = tempfile::tempdir().unwrap();
    let run = |text: &str| {
        fs::write(place.path().join("two.txt"), text).unwrap();
        finished_in(place.path(), "sim run two.txt")
    };
    let shown = run(SCENARIO);
    assert_eq!((shown.code, shown.stderr.as_str()), (Some(0), ""));
    let golden = format!("{SCENARIO}---\n{}", shown.stdout);
    assert_eq!(run(&golden).code, Some(0));
    let other = run(&golden.replace("2 pods start", "3 pods start"));
    assert_eq!(other.code, Some(1));
    assert!(
        other
            .stdout
            .contains("\n-     0:00.000  3 pods start\n+     0:00.000  2 pods start\n")
    );
    assert_eq!(
        other.stderr,
        "error: scenario two.txt has another outcome than expected\n"
    );
    let wrong = run("pods six\n");
    assert_eq!(wrong.code, Some(2));
    assert!(
        wrong
            .stderr
            .starts_with("error: scenario two.txt, line 1: unexpected \"six\", expected ")
    );
}

#[test]
fn a_scenario_is_drawn_on_a_page_and_prints_the_same_outcome() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("two.txt"), SCENARIO).unwrap();
    let plain = finished_in(place.path(), "sim run two.txt");
    let drawn = finished_in(place.path(), "sim run two.txt --html two.html");
    assert_eq!((drawn.code, drawn.stderr.as_str()), (Some(0), ""));
    assert_eq!(drawn.stdout, plain.stdout);
    let page = fs::read_to_string(place.path().join("two.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("\"title\":\"two\""));
}

#[test]
fn a_page_that_cannot_be_written_is_rejected_before_the_run() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("two.txt"), SCENARIO).unwrap();
    for (line, sentence) in [
        (
            "sim run two.txt --html none/two.html",
            "error: cannot write none/two.html: No such file or directory (os error 2)\n",
        ),
        (
            "sim run two.txt --html two.txt",
            "error: cannot write two.txt: it would replace the file that is read\n",
        ),
        (
            "sim soak --seeds 100000 --html .",
            "error: cannot write .: Is a directory (os error 21)\n",
        ),
    ] {
        let ended = finished_in(place.path(), line);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(2), sentence), "{line}");
        assert_eq!(ended.stdout, "");
    }
    assert_eq!(fs::read_to_string(place.path().join("two.txt")).unwrap(), SCENARIO);
}

#[test]
fn a_soak_draws_one_case_and_names_its_seed() {
    let place = tempfile::tempdir().unwrap();
    let ended = finished_in(place.path(), "sim soak --seeds 2 --seed 5 --html case.html");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let page = fs::read_to_string(place.path().join("case.html")).unwrap();
    let seed = ended
        .stderr
        .lines()
        .last()
        .unwrap()
        .strip_prefix("the page shows seed ")
        .unwrap();
    assert!(page.contains(&format!("\"title\":\"Seed {seed}: ")), "{seed}");
}

#[test]
fn a_soak_reports_its_faults() {
    let ended = finished(&mut emberkeep("sim soak --seeds 2".split_whitespace()));
    // A busy machine also prints progress lines.
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.starts_with("2 clusters, ") && ended.stdout.ends_with("every invariant held\n"));
}
