//! The chart of a run: the same bytes for the same seed, without an effect on the run. `UPDATE_GOLDEN=1` rewrites the hash of its data.

use std::fs;
use std::path::Path;

use emberkeep_sim::chart::{RunChart, page};
use emberkeep_sim::scenario::Scenario;
use emberkeep_sim::soak::soak;
use xxhash_rust::xxh64::xxh64;

/// A crash, a hot key, and a pod that is replaced, in one minute.
const SCENARIO: &str = "# A </script> <b>crash</b>.\npods 4\ncapacity 200\nkeys 300 zipf 0.6\nload 400\nwatch from 10s\n\
    at 20s crash pod-2 for 5s\nat 30s hot key 20%\nat 40s replace next pod\nrun 1m\n";

fn charted(seed: u64) -> (String, RunChart) {
    Scenario::parse(SCENARIO).unwrap().run_with_chart(Some(seed), "short")
}

#[test]
fn the_data_of_a_chart_are_the_same_on_every_machine_and_in_every_build() {
    let (_, chart) = charted(1);
    let data = serde_json::to_string(&chart).unwrap();
    assert_eq!(page(&chart), page(&charted(1).1));
    assert_ne!(page(&chart), page(&charted(2).1), "the seed has an effect");
    let found = format!("{:016x}\n", xxh64(data.as_bytes(), 0));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/chart.hash");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        return fs::write(path, found).expect("the golden folder is part of the repository");
    }
    let expected = fs::read_to_string(path).expect("the golden is part of the repository");
    assert_eq!(found, expected, "UPDATE_GOLDEN=1 rewrites it:\n{data}");
}

#[test]
fn a_run_has_the_same_outcome_with_a_chart() {
    let outcome = Scenario::parse(SCENARIO).unwrap().run(Some(1));
    assert_eq!(charted(1).0, outcome);
}

#[test]
fn a_chart_has_the_faults_the_decisions_with_their_reasons_and_the_cold_keys_of_a_crash() {
    let data = serde_json::to_value(charted(1).1).unwrap();
    let notes = data["notes"].as_array().unwrap();
    let of_kind = |kind: &str| notes.iter().filter(|note| note[1] == kind).collect::<Vec<_>>();
    assert_eq!(of_kind("fault")[0][2], "crash pod-2");
    assert_eq!(of_kind("fault")[0][0], 20_000_000);
    let repair = of_kind("decision")
        .into_iter()
        .find(|note| note[0].as_u64() >= Some(20_000_000))
        .unwrap();
    assert!(repair[2].as_str().unwrap().contains("without owner"), "{repair}");
    assert!(repair[3][1].as_str().unwrap().contains("% of the load to "), "{repair}");
    let curve = |name: &str| -> Vec<u64> { serde_json::from_value(data["curves"][name].clone()).unwrap() };
    let at = |millis: u64| curve("at_ms").iter().position(|at| *at == millis).unwrap();
    let (warm, unanswered) = (curve("warm"), curve("unanswered"));
    assert_eq!((warm[at(19_000)], unanswered[at(19_000)]), (1_000_000, 0));
    let (lost, crash) = (unanswered[at(20_000)], at(20_000));
    assert!(
        (150_000..350_000).contains(&lost),
        "a quarter of the load reaches no pod: {lost}"
    );
    assert!(
        warm[crash] <= 1_000_000 - lost && warm[crash + 1] < 950_000,
        "{:?}",
        &warm[crash..crash + 9]
    );
    assert_eq!(warm.last(), Some(&1_000_000));
    let moves = data["curves"]["moves"].as_array().unwrap();
    assert!(
        moves.iter().any(|moved| moved[0] == crash && moved[1] == "missing"),
        "{moves:?}"
    );
}

#[test]
fn a_page_of_a_chart_needs_no_network_and_escapes_the_scenario() {
    let page = page(&charted(1).1);
    assert!(page.starts_with("<!doctype html>"));
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(page.contains("A \\u003c/script> \\u003cb>crash"));
    let elsewhere = ["src=", "href=\"", "@import", "url(", "fetch(", "https://"];
    assert!(elsewhere.iter().all(|reference| !page.contains(reference)));
}

#[test]
fn a_soak_charts_the_case_with_the_most_disturbances() {
    let soaked = soak(1, 3, &mut |_| {}).unwrap();
    let chart = soaked.chart().unwrap();
    assert_eq!(Some(chart.seed()), soaked.most_disturbed);
    let data = serde_json::to_value(&chart).unwrap();
    assert_eq!(data["lead"], "Every invariant held.");
    assert_eq!(page(&chart), page(&soaked.chart().unwrap()));
}
