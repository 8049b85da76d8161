//! The scores of all balancers on the built-in trace, to the last digit in every build. `UPDATE_GOLDEN=1` rewrites the golden.

use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::time::Duration;

use emberkeep_sim::balancers::BalancerKind;
use emberkeep_sim::load_trace::LoadTrace;
use emberkeep_sim::replay::replay;
use emberkeep_sim::score::ScoreTable;

fn compared() -> String {
    let trace = LoadTrace::builtin();
    let mut table = ScoreTable::default();
    for kind in BalancerKind::ALL {
        let balancer = &mut *kind.balancer(&trace);
        let summary = replay::<Infallible>(&trace, balancer, &mut || Duration::ZERO, &mut |_| Ok(()));
        table.push("built-in", kind.as_str(), &summary.unwrap());
    }
    table.to_string()
}

#[test]
fn the_scores_on_the_built_in_trace_equal_the_golden() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/comparison.txt");
    let found = compared();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    assert_eq!(found, expected, "UPDATE_GOLDEN=1 rewrites {}", path.display());
}
