//! The project's own rules, checked by an ordinary test.
//!
//! They cover what the compiler and clippy cannot check: import arrows, circles between files, the length of files and functions, names.
//! A finding is one line with the place, the fault and the remedy; a run reports all of them at once. Each check is itself tested
//! against a planted violation.

mod tidy {
    pub(crate) mod core_purity;
    pub(crate) mod crate_arrows;
    pub(crate) mod file_arrows;
    pub(crate) mod file_circles;
    pub(crate) mod file_shape;
    pub(crate) mod filler;
    pub(crate) mod finding;
    pub(crate) mod imports;
    pub(crate) mod leftovers;
    pub(crate) mod links;
    pub(crate) mod metric_names;
    pub(crate) mod module_arrows;
    pub(crate) mod names;
    pub(crate) mod predicates;
    pub(crate) mod rust_source;
    pub(crate) mod sleeps;
    pub(crate) mod test_binaries;
    pub(crate) mod tokens;
    pub(crate) mod tree;
    pub(crate) mod type_names;
}

use std::path::Path;

use tidy::finding::Finding;
use tidy::tree::Tree;
use tidy::{
    core_purity, crate_arrows, file_circles, file_shape, filler, leftovers, links, metric_names, module_arrows, names,
    predicates, sleeps, test_binaries, type_names,
};

/// All checks: each reads the whole tree and reports the violations of its rule.
const CHECKS: [fn(&Tree) -> Vec<Finding>; 14] = [
    crate_arrows::findings,
    module_arrows::findings,
    core_purity::findings,
    file_circles::findings,
    file_shape::findings,
    filler::findings,
    names::findings,
    predicates::findings,
    leftovers::findings,
    metric_names::findings,
    sleeps::findings,
    test_binaries::findings,
    links::findings,
    type_names::findings,
];

#[test]
fn the_repository_keeps_its_own_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let tree = Tree::read(&root).expect("the repository is readable");
    assert!(tree.rust_files().count() > 0, "no source below {root:?}");

    let mut findings: Vec<Finding> = CHECKS.iter().flat_map(|check| check(&tree)).collect();
    findings.sort();
    let report: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
    assert!(findings.is_empty(), "{} findings\n{report}", findings.len());
}
