//! What a live assigner decided, decided again from its recording.

mod binary;

use std::fs;
use std::path::Path;

use binary::{Ended, emberkeep, ended};

fn replayed(place: &Path, file: &str) -> Ended {
    let mut command = emberkeep(["sim", "replay-recording", file]);
    ended(command.current_dir(place))
}

/// The numbers of the outcome: brains, events, proposals, assignments.
fn counts(outcome: &Ended) -> Vec<u64> {
    let words = outcome.stdout.split(|c: char| !c.is_ascii_digit());
    words.filter_map(|word| word.parse().ok()).take(4).collect()
}

#[test]
fn what_was_recorded_while_pods_came_and_were_killed_is_decided_again_byte_for_byte() {
    let place = tempfile::tempdir().expect("there is room for a folder");
    let options = "dev --speed 1 --pods 3 --for 6s --kill-every 2s --store folder --record night";
    let ran = ended(emberkeep(options.split_whitespace()).current_dir(place.path()));
    assert_eq!(ran.code, Some(0), "{ran:?}");

    let outcome = replayed(place.path(), "night");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stdout.ends_with(": all as recorded\n"), "{outcome:?}");
    let [brains, events, proposals, assignments] = counts(&outcome)[..] else {
        panic!("{outcome:?}");
    };
    assert_eq!(brains, 1, "one target, led without a break");
    assert!(
        events > 20 && proposals > assignments && assignments >= 3,
        "{outcome:?}"
    );
}

#[test]
fn a_recording_that_was_cut_short_by_a_kill_counts_up_to_there() {
    let place = tempfile::tempdir().expect("there is room for a folder");
    let options = "dev --speed 1 --pods 2 --assigners 3 --for 8s --kill-leader-every 3s --store folder --record night";
    let ran = ended(emberkeep(options.split_whitespace()).current_dir(place.path()));
    assert_eq!(ran.code, Some(0), "{ran:?}");

    let files = fs::read_dir(place.path()).expect("the folder is ours");
    let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
    let recordings: Vec<String> = names.filter(|name| name.starts_with("night")).collect();
    assert!(
        recordings.len() > 3,
        "each member that was killed has begun another one: {recordings:?}"
    );
    let outcomes: Vec<Ended> = recordings.iter().map(|name| replayed(place.path(), name)).collect();
    assert!(outcomes.iter().all(|outcome| outcome.code == Some(0)), "{outcomes:?}");
    let brains: u64 = outcomes.iter().map(|outcome| counts(outcome)[0]).sum();
    assert!(brains >= 2, "more than one member led: {outcomes:?}");
}

#[test]
fn a_file_that_is_no_recording_is_refused_in_one_sentence() {
    let place = tempfile::tempdir().expect("there is room for a folder");
    fs::write(place.path().join("trace.csv"), "at_ms,key,load\n").expect("the folder is ours");
    let refused = replayed(place.path(), "trace.csv");
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert_eq!(
        refused.stderr,
        "error: recording trace.csv, record 0, at byte 0: not a recording: the file must begin with \"emberkeep recording 3\"\n"
    );
}
