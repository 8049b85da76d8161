//! How the built-in requests fare with all ways to place keys, to the last digit, in every build. `UPDATE_GOLDEN=1`
//! rewrites it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use emberkeep_sim::requests::{Addition, FigureTable, PlacementPolicy, PodEvents, ReplayPlan, RequestReplay};
use emberkeep_sim::workload::RequestTrace;

fn table(title: &str, events: PodEvents) -> String {
    let plan = ReplayPlan {
        events,
        ..ReplayPlan::of_pods(4)
    };
    let play = RequestReplay::try_new(&RequestTrace::web12_excerpt(), &plan).expect("the plan is right");
    let figures = PlacementPolicy::ALL.map(|policy| play.run(policy, &mut |_| {}));
    format!("{title}\n{}\n", FigureTable(&figures))
}

#[test]
fn the_built_in_requests_fare_as_the_golden_says() {
    let nothing = PodEvents::default;
    let found = [
        table("nothing happens", nothing()),
        table(
            "a pod is killed every 15 s",
            PodEvents {
                kill_every: Some(Duration::from_secs(15)),
                ..nothing()
            },
        ),
        table(
            REPLACED.trim_end(),
            PodEvents {
                is_rolling_restart: true,
                ..nothing()
            },
        ),
        table(
            "two pods join at 20 s",
            PodEvents {
                additions: vec![Addition {
                    pod_count: 2,
                    at: Duration::from_secs(20),
                }],
                ..nothing()
            },
        ),
    ]
    .concat();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (golden, docs) = (
        root.join("tests/golden/requests.txt"),
        root.join("../docs/simulator.md"),
    );
    let read = |path: &Path| fs::read_to_string(path).expect("it is in the repository");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let shown = read(&docs).replace(&replaced_in(&read(&golden)), &replaced_in(&found));
        fs::write(&docs, shown).expect("it may be written");
        fs::write(&golden, &found).expect("it may be written");
    }
    assert_eq!(found, read(&golden), "UPDATE_GOLDEN=1 rewrites {}", golden.display());
    assert!(
        read(&docs).contains(&replaced_in(&found)),
        "{} shows another one",
        docs.display()
    );
}

/// The table that the documentation shows.
fn replaced_in(tables: &str) -> String {
    let mut parts = tables.split("\n\n").filter_map(|part| part.strip_prefix(REPLACED));
    parts.next().expect("it is one of the tables").to_owned()
}

const REPLACED: &str = "all pods are replaced\n";
