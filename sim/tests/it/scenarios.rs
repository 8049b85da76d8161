//! Each scenario has the outcome stated below its line of hyphens. `UPDATE_GOLDEN=1` rewrites the outcomes.

use std::fs;
use std::path::{Path, PathBuf};

use emberkeep_sim::scenario::{Scenario, difference};

fn scenarios() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = fs::read_dir(&folder).expect("the scenario folder is part of the repository");
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    paths
}

/// Runs the scenario of a file and compares its outcome.
fn check(path: &Path, updates: bool) -> Result<(), String> {
    let unusable = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| unusable(&error))?;
    let scenario = Scenario::parse(&text).map_err(|error| unusable(&error))?;
    let outcome = scenario.run(None);
    if updates {
        return fs::write(path, scenario.with_expected(&outcome)).map_err(|error| unusable(&error));
    }
    match difference(scenario.expected(), &outcome) {
        None => Ok(()),
        Some(shown) => Err(format!(
            "the outcome of {} differs from the expected one:\n{shown}",
            path.display()
        )),
    }
}

#[test]
fn every_scenario_has_its_expected_outcome() {
    let updates = std::env::var_os("UPDATE_GOLDEN").is_some();
    // In two threads, because scenarios are slow in a debug build.
    let paths = scenarios();
    assert!(paths.len() > 10, "scenarios are missing");
    let (some, others) = paths.split_at(paths.len() / 2);
    let check_all =
        |paths: &[PathBuf]| -> Vec<String> { paths.iter().filter_map(|path| check(path, updates).err()).collect() };
    let wrong = std::thread::scope(|scope| {
        let other = scope.spawn(|| check_all(others));
        let mut wrong = check_all(some);
        wrong.extend(other.join().unwrap());
        wrong
    });
    assert!(
        wrong.is_empty(),
        "UPDATE_GOLDEN=1 rewrites the expected outcomes.\n{}",
        wrong.join("\n")
    );
}

#[test]
fn the_seed_alone_decides_the_outcome_of_a_scenario() {
    let text = fs::read_to_string(&scenarios()[0]).unwrap();
    let run = |seed| Scenario::parse(&text).unwrap().run(Some(seed));
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
