//! `emberkeep bench` at a very small size: the measurements run and report their figures; speed is not checked.

use serde_json::Value;

use crate::binary::{emberkeep, finished, finished_in, json_in};

/// The report of a measurement.
fn report_of(line: &str) -> Value {
    let place = tempfile::tempdir().expect("there is room for a folder");
    let ended = finished_in(place.path(), &format!("bench {line} --json out.json"));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.lines().count() >= 3, "{ended:?}");
    json_in(place.path(), "out.json")
}

fn number(report: &Value, path: &str) -> f64 {
    let found = report.pointer(path).and_then(Value::as_f64);
    found.unwrap_or_else(|| panic!("{path} is not a number in {report}"))
}

fn refusal_of(line: &str) -> String {
    let ended = finished(emberkeep(["bench"]).args(line.split_whitespace()));
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
    ended.stderr
}

#[test]
fn the_state_tax_is_measured_for_each_size_and_codec() {
    let report = report_of("state-tax --sizes 1KiB --objects 8 --reads 2000");
    let rows = report["rows"].as_array().expect("rows are a list");
    let codecs: Vec<_> = rows.iter().filter_map(|row| row["codec"].as_str()).collect();
    assert_eq!(codecs, ["raw", "json"]);
    for row in rows {
        assert_eq!((number(row, "/value_bytes"), number(row, "/wrong")), (1_024.0, 0.0));
        for duration in ["/warm_p50_ns", "/cold_p50_ns"] {
            assert!(number(row, duration) > 0.0, "{row}");
        }
        assert_eq!(row["redis_p50_ns"].is_number(), report["has_redis"] == true, "{row}");
    }
}

#[test]
fn every_read_is_counted_to_the_tier_that_answered() {
    let report =
        report_of("budget --objects 256 --size 16KiB --budget 1MiB --disk 256MiB --reads 500 --choice uniform");
    let (once, chosen) = (&report["once"], &report["chosen"]);
    assert_eq!((number(once, "/reads"), number(chosen, "/reads")), (256.0, 500.0));
    assert_eq!(number(once, "/store_requests"), 256.0, "{once}");
    for reads in [once, chosen] {
        assert_eq!(
            (number(reads, "/wrong"), number(reads, "/failed")),
            (0.0, 0.0),
            "{reads}"
        );
    }
    let counted = ["/from_memory", "/from_disk", "/store_requests"].map(|tier| number(chosen, tier));
    assert!(counted.iter().sum::<f64>() <= 500.0, "{chosen}");
    assert!(number(chosen, "/from_disk") > 0.0, "{chosen}");
    assert!(number(chosen, "/warm_bytes") <= f64::from(1 << 20), "{chosen}");
}

#[test]
fn after_a_restart_objects_are_on_disk_and_mutable_ones_are_checked() {
    let report = report_of("restart --objects 64 --size 4KiB --budget 1MiB --disk 256MiB");
    let restarts = report["restarts"].as_array().expect("restarts are a list");
    assert_eq!(restarts.len(), 4);
    for restart in restarts {
        for reads in ["before", "after"].map(|when| &restart[when]) {
            assert_eq!(
                (number(reads, "/wrong"), number(reads, "/failed")),
                (0.0, 0.0),
                "{restart}"
            );
        }
        if restart["ending"] == "sigterm" && restart["freshness"] == "immutable" {
            assert_eq!(number(restart, "/after/store_requests"), 0.0, "{restart}");
        }
        if restart["ending"] == "sigterm" && restart["freshness"] == "owner-writes" {
            assert_eq!(number(restart, "/after/store_checks"), 64.0, "{restart}");
            assert_eq!(number(restart, "/after/store_bytes"), 0.0, "{restart}");
        }
    }
}

#[test]
fn a_herd_is_measured_with_and_without_the_guard() {
    let report = report_of("herd --patient --pods 2 --keys 100 --rate 100 --before 500ms --after 1s");
    let runs = report["runs"].as_array().expect("runs are a list");
    let guards: Vec<_> = runs.iter().filter_map(|run| run["guard"].as_str()).collect();
    assert_eq!(guards, ["without", "with"]);
    for run in runs {
        assert_eq!((number(run, "/requests"), number(run, "/wrong")), (150.0, 0.0), "{run}");
        // About half of the keys were on the pod that was killed.
        assert!(number(run, "/store_served") > 0.0, "{run}");
    }
}

#[test]
fn a_replaced_pod_transfers_its_values_unless_the_transfer_is_off() {
    let report = report_of("transfer --objects 64 --size 4KiB --asks 200");
    let runs = report["runs"].as_array().expect("runs are a list");
    let modes: Vec<_> = runs.iter().map(|run| run["transfer"] == true).collect();
    assert_eq!(modes, [true, false]);
    for (run, (warm, reads)) in runs.iter().zip([(64.0, 0.0), (0.0, 64.0)]) {
        let counted = ["/asked", "/warm", "/store_reads", "/store_bytes", "/wrong", "/failed"];
        let expected = [64.0, warm, reads, reads * 4_096.0, 0.0, 0.0];
        assert_eq!(counted.map(|name| number(run, name)), expected, "{run}");
        assert_eq!(run["mb_per_s"].is_number(), run["transfer"] == true, "{run}");
        let memory = |name: &str| {
            (
                number(run, &format!("/{name}/rss_steady_bytes")),
                number(run, &format!("/{name}/rss_peak_bytes")),
            )
        };
        for (steady, peak) in ["old_pod", "new_pod"].map(memory) {
            assert!((1.0..=peak).contains(&steady), "{run}");
        }
    }
}

#[test]
fn bad_arguments_are_refused_with_one_sentence() {
    let too_large = refusal_of("state-tax --sizes 65MiB");
    assert!(too_large.contains("an object has 64 bytes to 64MiB"), "{too_large}");
    assert!(refusal_of("budget --choice often").contains("zipf, uniform"));
    assert!(refusal_of("transfer --size 3MiB").contains("has up to 2MiB"));
    assert!(refusal_of("herd --pods 1").contains("1 is not in 2..=16"));
    let no_unit = refusal_of("restart --disk 1mb");
    assert!(no_unit.contains("4096, 4KiB, 256MiB or 2GiB"), "{no_unit}");
    let small = refusal_of("restart --objects 1 --disk 1MiB");
    assert!(small.contains("disk_cache"), "{small}");
}
