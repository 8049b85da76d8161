//! The data that a comparison keeps of a replay, and the page made of it.

use std::convert::Infallible;
use std::time::Duration;

use super::{BalancerRun, Comparison, RunRecorder, page};
use crate::balancers::BalancerKind;
use crate::load_trace::LoadTrace;
use crate::replay::replay;

/// Two pods of which one stops after 10 s; all load is on one key in the first half of the key space.
fn trace() -> LoadTrace {
    let lines = [
        r#""at_ms":0,"event":"config","max_load_hint":100,"imbalance":"DEFAULT","min_replicas":1,"max_replicas":1,"decide_every_ms":5000"#,
        r#""at_ms":0,"event":"pods_added","pods":["a","b"]"#,
        r#""at_ms":0,"event":"load_set","loads":[["0000000000000001",50]]"#,
        r#""at_ms":10000,"event":"pods_drained","pods":["a"]"#,
        r#""at_ms":20000,"event":"end""#,
    ];
    let text: String = lines.iter().map(|line| format!("{{{line}}}\n")).collect();
    LoadTrace::read(text.as_bytes()).unwrap()
}

fn run(trace: &LoadTrace, kind: BalancerKind) -> BalancerRun {
    let mut recorder = RunRecorder::new(trace);
    let balancer = &mut *kind.balancer(trace);
    let summary = replay::<Infallible>(trace, balancer, &mut || Duration::ZERO, &mut |tick| {
        recorder.record(tick);
        Ok(())
    });
    recorder.into_run(kind.as_str(), kind.about(), summary.unwrap())
}

#[test]
fn curves_follow_the_pods_from_tick_to_tick() {
    let curves = run(&trace(), BalancerKind::Static).curves;
    assert_eq!(curves.at_ms, [0, 5_000, 10_000, 15_000]);
    assert_eq!(curves.min, [0.0, 0.0, 1.0, 1.0]);
    assert_eq!(curves.max, [2.0, 2.0, 1.0, 1.0]);
    assert_eq!(curves.capacity, [4.0, 4.0, 2.0, 2.0]);
    assert_eq!(curves.forced, [0.0, 0.0, 1.0, 0.0]);
    assert_eq!(curves.voluntary, [0.0; 4]);
}

#[test]
fn bands_record_which_columns_changed_owners_and_when() {
    let bands = run(&trace(), BalancerKind::Static).bands;
    let columns = usize::try_from(bands.columns).unwrap();
    assert_eq!((bands.row_ms, bands.row_count), (5_000, 4));
    assert_eq!(bands.first[..columns / 2], vec![0; columns / 2]);
    assert_eq!(bands.first[columns / 2..], vec![1; columns / 2]);
    // The first half moves to the other pod in the third row.
    let expected: Vec<u64> = (0..bands.columns / 2).flat_map(|column| [2, column, 1]).collect();
    assert_eq!(bands.changes, expected);
}

#[test]
fn a_curve_of_a_long_trace_has_no_more_points_than_a_screen_can_show() {
    let trace = LoadTrace::builtin();
    let run = run(&trace, BalancerKind::Ring);
    assert_eq!(run.curves.at_ms.len(), 360);
    let rows = run.bands.changes.iter().step_by(3).max().copied();
    assert!(rows.unwrap() < run.bands.row_count && run.bands.row_count <= 200);
}

#[test]
fn a_page_needs_no_network_and_escapes_titles() {
    let trace = trace();
    let mut comparison = Comparison::new("</script><script>alert(1)/*STYLE*/", &trace);
    comparison.push(run(&trace, BalancerKind::Ring));
    let page = page(&[comparison]);
    assert!(page.starts_with("<!doctype html>"));
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(page.contains("\\u003c/script>\\u003cscript>alert(1)/*STYLE*/"));
    let elsewhere = ["src=", "href=\"", "@import", "url(", "fetch(", "https://"];
    assert!(elsewhere.iter().all(|reference| !page.contains(reference)));
}
