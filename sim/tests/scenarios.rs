//! The scenarios: each comes out as it says below its line. `UPDATE_GOLDEN=1` rewrites what they say.

use std::fs;
use std::path::{Path, PathBuf};

use emberkeep_sim::scenario::{Scenario, difference};

fn scenarios() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = fs::read_dir(&folder).expect("the folder is part of the repository");
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    paths
}

/// What is wrong with the scenario in that file, if anything is.
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
        Some(shown) => Err(format!("{} comes out otherwise than it says:\n{shown}", path.display())),
    }
}

#[test]
fn every_scenario_comes_out_as_it_says() {
    let updates = std::env::var_os("UPDATE_GOLDEN").is_some();
    // Half of them each: they take their time in a debug build.
    let paths = scenarios();
    assert!(paths.len() > 10, "the scenarios are not where they should be");
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
        "UPDATE_GOLDEN=1 rewrites what they say.\n{}",
        wrong.join("\n")
    );
}

#[test]
fn a_scenario_with_the_same_seed_comes_out_the_same_and_with_another_one_does_not() {
    let text = fs::read_to_string(&scenarios()[0]).unwrap();
    let run = |seed| Scenario::parse(&text).unwrap().run(Some(seed));
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
