//! Runs whose figures follow by hand, and properties of every run.

mod load_reports;

use std::time::Duration;

use super::{Addition, Figures, PlacementPolicy, PodEvents, ReplayPlan, RequestReplay, WarmCapacity};
use crate::workload::RequestTrace;

/// All placement policies, on requests of one unit each: `(at_ms, key)`.
fn figures(requests: &[(u64, &str)], plan: &ReplayPlan) -> [Figures; 3] {
    let rows: String = requests
        .iter()
        .map(|(at_ms, key)| format!("{at_ms},{key},1\n"))
        .collect();
    let trace = RequestTrace::read(format!("at_ms,key,load\n{rows}").as_bytes()).unwrap();
    let replay = RequestReplay::try_new(&trace, plan).unwrap();
    PlacementPolicy::ALL.map(|policy| replay.run(policy, &mut |_| {}))
}

fn roomy(pod_count: u32) -> ReplayPlan {
    ReplayPlan {
        room: WarmCapacity::Values(1_000),
        ..ReplayPlan::of_pods(pod_count)
    }
}

#[test]
fn the_first_request_for_a_key_is_cold_and_the_others_are_hits() {
    let requests = [(0, "a"), (10, "b"), (20, "a"), (30, "a"), (40, "b")];
    for figures in figures(&requests, &roomy(1)) {
        assert_eq!((figures.requests, figures.hits, figures.cold), (5, 3, 2), "{figures:?}");
        assert_eq!(
            (figures.hit_share, figures.cold_share, figures.state_tax),
            (1.0, 0.4, 0.4)
        );
        assert_eq!((figures.store_reads, figures.store_reads_per_1000), (2, 400.0));
    }
}

#[test]
fn a_process_that_ends_loses_its_warm_values() {
    // The run is 900 ms long, so its only pod is replaced at 300 ms.
    let plan = ReplayPlan {
        events: PodEvents {
            is_rolling_restart: true,
            ..PodEvents::default()
        },
        ..roomy(1)
    };
    for figures in figures(&[(0, "a"), (100, "a"), (400, "a"), (899, "a")], &plan) {
        assert_eq!(
            (figures.hits, figures.cold, figures.store_reads),
            (2, 1, 2),
            "{figures:?}"
        );
        assert_eq!((figures.hit_share, figures.state_tax), (0.6667, 0.5));
        assert_eq!((figures.forced_moved, figures.voluntary_moved), (1.0, 0.0));
    }
}

#[test]
fn without_affinity_every_pod_reads_the_value() {
    let requests: Vec<(u64, &str)> = (0..100).map(|at_ms| (at_ms, "a")).collect();
    let [ours, ring, stateless] = figures(&requests, &roomy(4));
    assert_eq!([ours.store_reads, ring.store_reads, stateless.store_reads], [1, 1, 4]);
    assert_eq!(stateless.hit_share, 0.9697, "96 of the 99 requests after the first");
    assert_eq!(
        [ours.mean_over_mean, ring.mean_over_mean],
        [4.0, 4.0],
        "one pod has all load"
    );
    assert!(stateless.mean_over_mean < 2.0, "{stateless:?}");
}

#[test]
fn with_consistent_hashing_just_the_keys_that_move_to_a_new_pod_are_read_again() {
    let keys: Vec<String> = (0..500).map(|key| format!("key {key}")).collect();
    let round = |from_ms: u64| (from_ms..).zip(keys.iter().map(String::as_str));
    let requests: Vec<(u64, &str)> = round(0).chain(round(5_000)).chain(round(9_000)).collect();
    let mut plan = roomy(3);
    plan.events.additions = vec![Addition {
        pod_count: 1,
        at: Duration::from_secs(5),
    }];
    let [_, ring, _] = figures(&requests, &plan);
    let read_again = ring.store_reads - ring.cold;
    assert_eq!(ring.cold, 500);
    assert!(
        (60..200).contains(&read_again),
        "a new pod takes about a quarter, not {read_again}"
    );
    assert_eq!(ring.forced_moved, read_again as f64 / 500.0);
}

#[test]
fn measured_load_is_enough_to_balance_pods() {
    let keys: Vec<String> = (0..300).map(|key| format!("key {key}")).collect();
    let requests: Vec<(u64, &str)> = (0..180_000)
        .step_by(2)
        .zip(keys.iter().map(String::as_str).cycle())
        .collect();
    let [ours, ring, _] = figures(&requests, &roomy(5));
    assert!(
        ours.mean_over_mean < 1.2 && ours.mean_over_mean < ring.mean_over_mean,
        "{ours:?} {ring:?}"
    );
}

#[test]
fn less_warm_capacity_means_more_reads() {
    let excerpt = RequestTrace::web12_excerpt();
    for policy in PlacementPolicy::ALL {
        let reads = [100, 400, 1_600].map(|values| {
            let room = WarmCapacity::Values(values);
            let plan = ReplayPlan {
                room,
                ..ReplayPlan::of_pods(3)
            };
            RequestReplay::try_new(&excerpt, &plan)
                .unwrap()
                .run(policy, &mut |_| {})
                .store_reads
        });
        assert!(reads.is_sorted_by(|tight, roomy| tight > roomy), "{policy}: {reads:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_figures_and_another_one_others() {
    let excerpt = RequestTrace::web12_excerpt();
    let written = |seed| {
        let plan = ReplayPlan {
            seed,
            events: PodEvents {
                kill_every: Some(Duration::from_secs(15)),
                ..PodEvents::default()
            },
            ..ReplayPlan::of_pods(5)
        };
        let replay = RequestReplay::try_new(&excerpt, &plan).unwrap();
        PlacementPolicy::ALL.map(|policy| serde_json::to_string(&replay.run(policy, &mut |_| {})).unwrap())
    };
    assert_eq!(written(1), written(1));
    assert_ne!(written(1), written(2));
}

#[test]
fn a_run_of_more_than_a_month_is_refused() {
    let trace = RequestTrace::read(&b"at_ms,key,load\n2678400000,a,1\n"[..]).unwrap();
    let error = RequestReplay::try_new(&trace, &ReplayPlan::of_pods(1)).err().unwrap();
    assert_eq!(
        error.to_string(),
        "the run would be longer than 31 days; play the requests faster"
    );
}
