//! The figures of the built-in requests with all placements, to the last digit in every build. `UPDATE_GOLDEN=1` rewrites
//! the golden and the table in the documentation.

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
    let play = RequestReplay::try_new(&RequestTrace::web12_excerpt(), &plan).expect("the plan is valid");
    let figures = PlacementPolicy::ALL.map(|policy| play.run(policy, &mut |_| {}));
    format!("{title}\n{}\n", FigureTable(&figures))
}

#[test]
fn the_figures_of_the_built_in_requests_equal_the_golden() {
    let nothing = PodEvents::default;
    let found = [
        table("no events", nothing()),
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
    let read = |path: &Path| fs::read_to_string(path).expect("the file is part of the repository");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let shown = read(&docs).replace(&replaced_in(&read(&golden)), &replaced_in(&found));
        fs::write(&docs, shown).expect("the file can be written");
        fs::write(&golden, &found).expect("the file can be written");
    }
    assert_eq!(found, read(&golden), "UPDATE_GOLDEN=1 rewrites {}", golden.display());
    assert!(
        read(&docs).contains(&replaced_in(&found)),
        "{} shows another table",
        docs.display()
    );
}

/// The table that the documentation shows.
fn replaced_in(tables: &str) -> String {
    let mut parts = tables.split("\n\n").filter_map(|part| part.strip_prefix(REPLACED));
    parts.next().expect("the table is in the golden").to_owned()
}

const REPLACED: &str = "all pods are replaced\n";
