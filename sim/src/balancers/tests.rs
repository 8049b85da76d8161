//! Properties of all balancers on a trace, and of some.

use std::convert::Infallible;
use std::time::Duration;

use super::BalancerKind;
use crate::assignment_log::AssignmentLog;
use crate::load_trace::LoadTrace;
use crate::replay::replay;
use crate::score::{Summary, TickScore};

/// Five pods and a thousand keys; a pod crashes, one is replaced, one joins, and loads change.
fn trace() -> LoadTrace {
    let loads = |seed: u64| -> String {
        let keys = (0..1_000_u64).map(|key| {
            let position = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            format!(r#"["{position:016x}",{}]"#, 1 + (key * seed) % 7)
        });
        keys.collect::<Vec<_>>().join(",")
    };
    let lines = [
        r#""at_ms":0,"event":"config","max_load_hint":1000,"imbalance":"DEFAULT","min_replicas":1,"max_replicas":2,"decide_every_ms":5000"#.to_owned(),
        r#""at_ms":0,"event":"pods_added","pods":["a","b","c","d","e"]"#.to_owned(),
        format!(r#""at_ms":0,"event":"load_set","loads":[{}]"#, loads(3)),
        r#""at_ms":61000,"event":"pods_crashed","pods":["c"]"#.to_owned(),
        r#""at_ms":70000,"event":"pods_drained","pods":["d"]"#.to_owned(),
        r#""at_ms":70000,"event":"pods_added","pods":["d"]"#.to_owned(),
        format!(r#""at_ms":80000,"event":"load_set","loads":[{}]"#, loads(5)),
        r#""at_ms":90000,"event":"pods_added","pods":["f"]"#.to_owned(),
        r#""at_ms":120000,"event":"end""#.to_owned(),
    ];
    let text: String = lines.iter().map(|line| format!("{{{line}}}\n")).collect();
    LoadTrace::read(text.as_bytes()).unwrap()
}

struct ReplayOutcome {
    scores: Vec<TickScore>,
    log: String,
    summary: Summary,
}

fn replayed(kind: BalancerKind) -> ReplayOutcome {
    let trace = trace();
    let mut scores = Vec::new();
    let mut log = AssignmentLog::new(Vec::new());
    let balancer = &mut *kind.balancer(&trace);
    let summary = replay::<Infallible>(&trace, balancer, &mut || Duration::ZERO, &mut |tick| {
        scores.push(*tick.score);
        if tick.has_changed {
            log.write(tick.at_ms, tick.ownership, trace.pods())
                .expect("writing to a Vec cannot fail");
        }
        Ok(())
    });
    ReplayOutcome {
        scores,
        log: String::from_utf8(log.finish().unwrap()).unwrap(),
        summary: summary.unwrap(),
    }
}

#[test]
fn every_key_has_a_live_owner_at_every_tick() {
    for kind in BalancerKind::ALL {
        assert_eq!(replayed(kind).summary.uncovered, 0, "{kind}");
    }
}

#[test]
fn the_same_trace_gives_the_same_bytes() {
    for kind in BalancerKind::ALL {
        let (one, other) = (replayed(kind), replayed(kind));
        assert_eq!(one.log, other.log, "{kind}");
        assert_eq!(one.summary, other.summary, "{kind}");
    }
}

#[test]
fn hashing_moves_only_the_keys_of_a_crashed_pod() {
    for kind in [BalancerKind::Ring, BalancerKind::Rendezvous] {
        let crash = replayed(kind).scores.into_iter().find(|score| score.at_ms == 61_000);
        let crash = crash.unwrap();
        assert!(crash.unavoidable > 0.1, "{kind}");
        assert_eq!(crash.moved, crash.unavoidable, "{kind}");
    }
}

#[test]
fn hashing_and_static_ranges_move_only_when_pods_change() {
    for kind in [BalancerKind::Ring, BalancerKind::Rendezvous, BalancerKind::Static] {
        let summary = replayed(kind).summary;
        assert_eq!((summary.voluntary_per_h, summary.max_round_moved), (0.0, 0.0), "{kind}");
    }
}

#[test]
fn emberkeep_keeps_pods_near_the_mean() {
    // In this small and even trace, static ranges come within a hundredth of Emberkeep.
    let [ours, others @ ..] = BalancerKind::ALL.map(|kind| replayed(kind).summary.mean_rest);
    assert!(
        others.iter().all(|rest| ours < *rest + 0.01),
        "{ours} against {others:?}"
    );
}

#[test]
fn an_unknown_balancer_is_rejected_with_the_known_ones() {
    let error = "rings".parse::<BalancerKind>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "balancer \"rings\" is unknown, it must be emberkeep, ring, rendezvous or static"
    );
}
