//! The figures of small cases, worked out by hand.

use std::convert::Infallible;
use std::time::Duration;

use super::{Summary, TickScore};
use crate::load_trace::{LoadTrace, PodId};
use crate::ownership::{Owners, OwnershipMap, range_start};
use crate::replay::{Balancer, Moment, Stopwatch, TraceState, replay};

/// Decides by a script of ownerships.
struct Scripted(Vec<(u64, OwnershipMap)>);

impl Balancer for Scripted {
    fn decide(&mut self, _: &TraceState<'_>, moment: Moment, stopwatch: &mut Stopwatch<'_>) -> Option<OwnershipMap> {
        let due = |(at_ms, ownership): &(u64, OwnershipMap)| (*at_ms == moment.at_ms).then(|| ownership.clone());
        stopwatch.time(|| self.0.iter().find_map(due))
    }
}

/// Ranges by start position, with the ids of their owners.
fn owned(ranges: &[(u64, &[u32])]) -> OwnershipMap {
    let owners = |pods: &[u32]| pods.iter().copied().map(PodId).collect::<Owners>();
    OwnershipMap::from_starts(ranges.iter().map(|(start, pods)| (range_start(*start), owners(pods))))
}

/// A trace of these events; pods `a`, `b` and so on are numbered as they join.
fn trace(max_replicas: u32, events: &[&str]) -> LoadTrace {
    let config = format!(
        r#""at_ms":0,"event":"config","max_load_hint":100,"imbalance":"DEFAULT","min_replicas":1,"max_replicas":{max_replicas},"decide_every_ms":5000"#
    );
    let lines = std::iter::once(config.as_str()).chain(events.iter().copied());
    let text: String = lines.map(|line| format!("{{{line}}}\n")).collect();
    LoadTrace::read(text.as_bytes()).unwrap()
}

fn scored(trace: &LoadTrace, script: Vec<(u64, OwnershipMap)>) -> (Vec<TickScore>, Summary) {
    let mut scores = Vec::new();
    let mut milliseconds = 0;
    let mut clock = || {
        milliseconds += 1;
        Duration::from_millis(milliseconds)
    };
    let summary = replay::<Infallible>(trace, &mut Scripted(script), &mut clock, &mut |tick| {
        scores.push(*tick.score);
        Ok(())
    });
    (scores, summary.unwrap())
}

/// The score of one tick with these pods, loads and owners.
fn scored_once(max_replicas: u32, pods: &str, loads: &str, ranges: &[(u64, &[u32])]) -> TickScore {
    let added = format!(r#""at_ms":0,"event":"pods_added","pods":[{pods}]"#);
    let set = format!(r#""at_ms":0,"event":"load_set","loads":[{loads}]"#);
    let trace = trace(max_replicas, &[&added, &set, r#""at_ms":5000,"event":"end""#]);
    scored(&trace, vec![(0, owned(ranges))]).0[0]
}

const FOUR_KEYS: &str =
    r#"["0000000000000001",10],["0000000000000002",10],["0000000000000003",10],["0000000000000004",10]"#;

fn assert_close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} instead of {expected}");
}

#[test]
fn the_hottest_pod_is_measured_against_the_mean() {
    // Pods have 30 and 10 where 20 each could be.
    let score = scored_once(1, r#""a","b""#, FOUR_KEYS, &[(0, &[0]), (4, &[1])]);
    assert_close(score.over_mean, 1.5);
    assert_close(score.rest, 1.5);
    assert_close(score.cov, 0.5);
    assert_close(score.cov_floor, 0.0);
    // The tolerance is 10 % of the hint, and 30 is no more than 20 + 10.
    assert!(!score.is_over_band);
    assert_eq!((score.over_capacity, score.is_uncovered), (0, false));
}

#[test]
fn a_key_too_hot_for_its_replicas_is_set_aside_with_its_pods() {
    let loads = FOUR_KEYS.replace("1\",10", "1\",120");
    let ranges: &[(u64, &[u32])] = &[(0, &[0]), (2, &[1]), (4, &[2])];
    let score = scored_once(1, r#""a","b","c""#, &loads, ranges);
    assert_close(score.over_mean, 120.0 / 50.0);
    // 20 over the mean of 15 of the two other pods.
    assert_close(score.rest, 20.0 / 15.0);
    let floor = ((70.0_f64 * 70.0 + 2.0 * 35.0 * 35.0) / 3.0).sqrt() / 50.0;
    assert_close(score.cov_floor, floor);
    assert_eq!(score.over_capacity, 1);
    // Two replicas have 60 each, still more than the mean of 50, so they and the key are set aside and 30 remain.
    let score = scored_once(2, r#""a","b","c""#, &loads, &[(0, &[0, 1]), (2, &[2])]);
    assert_close(score.over_mean, 60.0 / 50.0);
    assert_close(score.rest, 1.0);
}

#[test]
fn the_band_begins_a_tolerance_above_the_mean() {
    let three_to_one: &[(u64, &[u32])] = &[(0, &[0]), (4, &[1])];
    let loads = |hot: &str| FOUR_KEYS.replace("1\",10", &format!("1\",{hot}"));
    // 10.1 + 20 against a mean of 20.05 and a tolerance of 10.
    assert!(scored_once(1, r#""a","b""#, &loads("10.1"), three_to_one).is_over_band);
    assert!(!scored_once(1, r#""a","b""#, FOUR_KEYS, three_to_one).is_over_band);
}

#[test]
fn a_hot_key_that_more_pods_could_share_is_over_the_band() {
    let loads = FOUR_KEYS.replace("1\",10", "1\",120");
    let shared: &[(u64, &[u32])] = &[(0, &[0, 1]), (2, &[2])];
    let alone: &[(u64, &[u32])] = &[(0, &[0]), (2, &[1, 2])];
    assert!(!scored_once(2, r#""a","b","c""#, &loads, shared).is_over_band);
    assert!(scored_once(2, r#""a","b","c""#, &loads, alone).is_over_band);
    // With one owner for each key, the pod cannot have less.
    assert!(!scored_once(1, r#""a","b","c""#, &loads, alone).is_over_band);
}

#[test]
fn a_key_without_a_live_owner_is_uncovered() {
    let events = [
        r#""at_ms":0,"event":"pods_added","pods":["a","b"]"#,
        &format!(r#""at_ms":0,"event":"load_set","loads":[{FOUR_KEYS}]"#),
        r#""at_ms":7000,"event":"pods_crashed","pods":["b"]"#,
        r#""at_ms":11000,"event":"end""#,
    ];
    let script = vec![(0, owned(&[(0, &[0]), (3, &[1])])), (10_000, owned(&[(0, &[0])]))];
    let (scores, summary) = scored(&trace(1, &events), script);
    let uncovered: Vec<_> = scores.iter().map(|score| (score.at_ms, score.is_uncovered)).collect();
    assert_eq!(uncovered, [(0, false), (5_000, false), (7_000, true), (10_000, false)]);
    assert_eq!((summary.uncovered, summary.ticks), (1, 4));
}

#[test]
fn moves_are_forced_when_pods_change_and_voluntary_otherwise() {
    let events = [
        r#""at_ms":0,"event":"pods_added","pods":["a","b"]"#,
        &format!(r#""at_ms":0,"event":"load_set","loads":[{FOUR_KEYS}]"#),
        r#""at_ms":90000,"event":"pods_drained","pods":["b"]"#,
        r#""at_ms":90000,"event":"pods_added","pods":["c"]"#,
        r#""at_ms":120000,"event":"end""#,
    ];
    let script = vec![
        (0, owned(&[(0, &[0]), (2, &[1])])),
        // In the first minute: a quarter moves from b to a.
        (30_000, owned(&[(0, &[0]), (3, &[1])])),
        // Voluntary: the third key gets a second owner, which moves nothing, and loses the first one, half of a quarter.
        (60_000, owned(&[(0, &[0]), (3, &[0, 1]), (4, &[1])])),
        (70_000, owned(&[(0, &[0]), (4, &[1])])),
        // Forced: the last key's owner left, and another key moved in the same tick.
        (90_000, owned(&[(0, &[0]), (3, &[2])])),
    ];
    let (_, summary) = scored(&trace(2, &events), script);
    assert_close(summary.first_minute, 0.25);
    assert_close(summary.voluntary_per_h, 0.125 * 60.0);
    assert_close(summary.forced_per_h, 0.5 * 60.0);
    assert_close(summary.unavoidable_per_h, 0.25 * 60.0);
    // The pod that joined is half of all pods, more than the quarter that had to move.
    assert_close(summary.needed_per_h, 0.5 * 60.0);
    assert_close(summary.max_round_moved, 0.25);
}

#[test]
fn figures_count_after_the_first_minute_and_quantiles_are_interpolated() {
    let mut events = vec![r#""at_ms":0,"event":"pods_added","pods":["a","b"]"#.to_owned()];
    events.push(r#""at_ms":0,"event":"load_set","loads":[["0000000000000001",10],["0000000000000002",30]]"#.to_owned());
    // From the minute on, over mean is 1.0, 1.2, 1.4 and 1.6.
    for (at_ms, hot) in [(60_000, 10.0), (65_000, 15.0), (70_000, 70.0 / 3.0), (75_000, 40.0)] {
        events.push(format!(
            r#""at_ms":{at_ms},"event":"load_set","loads":[["0000000000000002",{hot}]]"#
        ));
    }
    events.push(r#""at_ms":80000,"event":"end""#.to_owned());
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    let (_, summary) = scored(&trace(1, &events), vec![(0, owned(&[(0, &[0]), (2, &[1])]))]);
    assert_close(summary.mean_over_mean, 1.3);
    assert_close(summary.p99_over_mean, 1.594);
    assert_close(summary.max_over_mean, 1.6);
    assert_eq!((summary.ticks, summary.decide.count), (16, 16));
    assert_close(summary.decide.p99_ms, 1.0);
}
