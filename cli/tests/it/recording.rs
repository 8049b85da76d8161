//! Recordings of a live assigner, replayed.

use std::fs;
use std::path::Path;

use emberkeep_testkit::deadline::wait_for;

use crate::binary::{FinishedCommand, finished_in};
use crate::dev_command::DevCommand;

fn replayed(place: &Path, file: &str) -> FinishedCommand {
    finished_in(place, &format!("sim replay-recording {file}"))
}

/// The counts in the outcome: brains, events, proposals, assignments.
fn counts(outcome: &FinishedCommand) -> Vec<u64> {
    let words = outcome.stdout.split(|c: char| !c.is_ascii_digit());
    words.filter_map(|word| word.parse().ok()).take(4).collect()
}

/// Enough events, proposals and assignments of pods that start and are killed.
fn has_kills(counts: &[u64]) -> bool {
    matches!(counts, [_, events, proposals, assignments] if *events > 20 && proposals > assignments && *assignments >= 3)
}

#[test]
fn a_recording_of_pods_that_start_and_are_killed_is_replayed_byte_for_byte() {
    let place = tempfile::tempdir().expect("there is room for a folder");
    let options = "--speed 1 --pods 3 --warm-up 0s --kill-every 1s --store folder --record night";
    let mut dev = DevCommand::start(place.path(), options);
    dev.wait_until("two kills", |progress| progress.injected("Kill") >= 2);
    wait_for("decisions after the kills", || {
        has_kills(&counts(&replayed(place.path(), "night"))).then_some(())
    });
    dev.end();

    let outcome = replayed(place.path(), "night");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stdout.ends_with(": all as recorded\n"), "{outcome:?}");
    let counts = counts(&outcome);
    assert_eq!(counts[0], 1, "one target, led without interruption");
    assert!(has_kills(&counts), "{outcome:?}");
}

#[test]
fn a_recording_that_a_kill_has_truncated_is_replayed_up_to_there() {
    let place = tempfile::tempdir().expect("there is room for a folder");
    let options = "--speed 1 --pods 2 --assigners 3 --warm-up 0s --kill-leader-every 1s --store folder --record night";
    let mut dev = DevCommand::start(place.path(), options);
    dev.wait_until("a killed leader", |progress| progress.injected("KillLeader") >= 1);
    wait_for("a restarted member that records again, and a second leader", || {
        let files = recordings(place.path());
        let brains: u64 = files.iter().map(|name| brains_of(&replayed(place.path(), name))).sum();
        (files.len() > 3 && brains >= 2).then_some(())
    });
    dev.end();

    let recordings = recordings(place.path());
    let outcomes: Vec<FinishedCommand> = recordings.iter().map(|name| replayed(place.path(), name)).collect();
    assert!(outcomes.iter().all(|outcome| outcome.code == Some(0)), "{outcomes:?}");
    let brains: u64 = outcomes.iter().map(brains_of).sum();
    assert!(brains >= 2, "more than one member led: {outcomes:?}");
}

/// The files written by the members; a restarted member has several.
fn recordings(place: &Path) -> Vec<String> {
    let files = fs::read_dir(place).expect("the folder is ours");
    let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
    names.filter(|name| name.starts_with("night")).collect()
}

fn brains_of(outcome: &FinishedCommand) -> u64 {
    counts(outcome).first().copied().unwrap_or_default()
}

#[test]
fn a_file_that_is_no_recording_is_rejected() {
    let place = tempfile::tempdir().expect("there is room for a folder");
    fs::write(place.path().join("trace.csv"), "at_ms,key,load\n").expect("the folder is ours");
    let rejected = replayed(place.path(), "trace.csv");
    assert_eq!(rejected.code, Some(2), "{rejected:?}");
    assert_eq!(
        rejected.stderr,
        "error: recording trace.csv, record 0, at byte 0: not a recording: the file must begin with \"emberkeep recording 4\"\n"
    );
}
