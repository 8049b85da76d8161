//! The same seed leads to the same bytes, in debug and release builds. `UPDATE_GOLDEN=1` rewrites their hash.

use std::fs;
use std::path::Path;
use std::time::Duration;

use emberkeep_sim::assignment_log::AssignmentLog;
use emberkeep_sim::load_trace::LoadTrace;
use emberkeep_sim::measured::MeasuredCluster;
use emberkeep_sim::ownership::OwnershipMap;
use emberkeep_sim::replay::{ReplayTick, replay};
use xxhash_rust::xxh64::xxh64;

/// A hundred keys on six pods; one crashes, two join, and a key gets hot.
fn trace() -> LoadTrace {
    let mut lines = vec![
        r#"{"at_ms":0,"event":"config","max_load_hint":100,"imbalance":"DEFAULT","min_replicas":1,"max_replicas":3,"decide_every_ms":5000}"#
            .to_owned(),
        r#"{"at_ms":0,"event":"pods_added","pods":["a","b","c","d","e","f"]}"#.to_owned(),
    ];
    let position = |key: u64| key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let rates = (1..=100_u64).map(|key| format!(r#"["{:016x}",{}.5]"#, position(key), 400 / (key + 20)));
    let rates = rates.collect::<Vec<_>>().join(",");
    lines.push(format!(r#"{{"at_ms":0,"event":"load_set","loads":[{rates}]}}"#));
    for line in [
        r#"{"at_ms":30000,"event":"pods_crashed","pods":["c"]}"#,
        r#"{"at_ms":50000,"event":"pods_added","pods":["c","g"]}"#,
        r#"{"at_ms":70000,"event":"load_set","loads":[["1234567812345678",250]]}"#,
        r#"{"at_ms":120000,"event":"end"}"#,
    ] {
        lines.push(line.to_owned());
    }
    LoadTrace::read((lines.join("\n") + "\n").as_bytes()).expect("the trace is valid")
}

/// The assignment log and the figures of a measured replay, as bytes.
fn replayed(seed: u64) -> Vec<u8> {
    let trace = trace();
    let mut log = AssignmentLog::new(Vec::new());
    let mut sink = |at_ms: u64, ownership: &OwnershipMap| {
        log.write(at_ms, ownership, trace.pods())
            .expect("writing to a Vec cannot fail");
    };
    let mut measured = MeasuredCluster::new(&trace, seed, &mut sink);
    let mut watch = |_: &ReplayTick<'_>| Ok::<(), ()>(());
    let summary = replay(&trace, &mut measured, &mut || Duration::ZERO, &mut watch).expect("watch never fails");
    let figures = format!("{summary:?}\n{:?}\n", measured.figures());
    let mut bytes = log.finish().expect("writing to a Vec cannot fail");
    bytes.extend_from_slice(figures.as_bytes());
    bytes
}

#[test]
fn the_same_seed_leads_to_the_same_bytes_on_every_machine_and_in_every_build() {
    let bytes = replayed(1);
    assert_eq!(bytes, replayed(1));
    assert_ne!(bytes, replayed(2), "the seed has an effect");
    let found = format!("{:016x}\n", xxh64(&bytes, 0));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/measured_replay.hash");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        return fs::write(path, found).expect("the golden folder is part of the repository");
    }
    let expected = fs::read_to_string(path).expect("the golden is part of the repository");
    assert_eq!(
        found,
        expected,
        "UPDATE_GOLDEN=1 rewrites it:\n{}",
        String::from_utf8_lossy(&bytes)
    );
}
