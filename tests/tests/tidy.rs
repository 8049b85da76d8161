//! The rules of the house, checked by an ordinary test.
//!
//! What the compiler and clippy cannot see: who may import whom, how long a file may grow, what things are called. A finding
//! is one line that says where, what is wrong, and what to do instead; a run reports all of them at once. Every check is
//! itself tested against a planted violation.

mod tidy {
    pub(crate) mod core_arrows;
    pub(crate) mod core_purity;
    pub(crate) mod crate_arrows;
    pub(crate) mod file_shape;
    pub(crate) mod finding;
    pub(crate) mod leftovers;
    pub(crate) mod links;
    pub(crate) mod metric_names;
    pub(crate) mod names;
    pub(crate) mod rust_source;
    pub(crate) mod sleeps;
    pub(crate) mod tokens;
    pub(crate) mod tree;
}

use std::path::Path;

use tidy::finding::Finding;
use tidy::tree::Tree;
use tidy::{core_arrows, core_purity, crate_arrows, file_shape, leftovers, links, metric_names, names, sleeps};

/// Every check there is: each reads the whole tree and reports what breaks its rule.
const CHECKS: [fn(&Tree) -> Vec<Finding>; 9] = [
    crate_arrows::findings,
    core_arrows::findings,
    core_purity::findings,
    file_shape::findings,
    names::findings,
    leftovers::findings,
    metric_names::findings,
    sleeps::findings,
    links::findings,
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
