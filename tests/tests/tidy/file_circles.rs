//! Circles between the files of a crate: of two files that import each other, neither can be read first.

use std::collections::BTreeSet;

use super::file_arrows::{FileArrows, crates};
use super::finding::Finding;
use super::tree::Tree;

/// Each circle once, reported at its first file.
pub(crate) fn findings(tree: &Tree) -> Vec<Finding> {
    let crates = crates(tree);
    crates.iter().flat_map(|files| circles(&files.arrows())).collect()
}

fn circles(arrows: &FileArrows<'_>) -> Vec<Finding> {
    let mut reported = BTreeSet::new();
    let mut findings = Vec::new();
    for file in arrows.keys() {
        if reported.contains(file) {
            continue;
        }
        if let Some(circle) = circle_through(arrows, file) {
            let advice = format!(
                "circle of files {} -> {file}: move what they need of each other to a file of its own",
                circle.join(" -> ")
            );
            findings.push(Finding::new(file, 1, advice));
            reported.extend(circle);
        }
    }
    findings
}

/// The shortest path from a file back to itself, by breadth-first search.
fn circle_through<'a>(arrows: &FileArrows<'a>, start: &'a str) -> Option<Vec<&'a str>> {
    let mut paths = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while !paths.is_empty() {
        let mut extended = Vec::new();
        for path in paths {
            let needed = path.last().and_then(|last| arrows.get(last));
            for next in needed.into_iter().flatten() {
                if *next == start {
                    return Some(path);
                }
                if seen.insert(*next) {
                    extended.push(path.iter().copied().chain([*next]).collect());
                }
            }
        }
        paths = extended;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::finding::printed;
    use super::*;

    #[test]
    fn a_circle_is_found_once_and_reported_as_a_path() {
        let tree = Tree::planted([
            ("a/src/b.rs", "use super::c::C;\npub struct B;\n"),
            ("a/src/c.rs", "use super::d::D;\npub struct C;\n"),
            ("a/src/d.rs", "use super::b::B;\npub struct D;\n"),
            ("a/src/e.rs", "use super::b::B;\n"),
        ]);
        let expected = "a/src/b.rs:1: circle of files a/src/b.rs -> a/src/c.rs -> a/src/d.rs -> a/src/b.rs: move what they need of each other to a file of its own";
        assert_eq!(printed(&findings(&tree)), [expected]);
    }

    #[test]
    fn a_module_and_the_child_that_uses_what_it_defines_are_a_circle() {
        let tree = Tree::planted([
            ("a/src/b/mod.rs", "mod c;\nuse c::C;\npub struct B;\n"),
            ("a/src/b/c.rs", "use super::B;\npub struct C(B);\n"),
        ]);
        assert_eq!(findings(&tree).len(), 1);
    }

    #[test]
    fn the_files_of_a_test_program_may_not_be_a_circle_either() {
        let tree = Tree::planted([
            ("a/tests/it/main.rs", "mod b;\nmod c;\n"),
            ("a/tests/it/b.rs", "use crate::c::C;\npub(crate) struct B;\n"),
            ("a/tests/it/c.rs", "use crate::b::B;\npub(crate) struct C;\n"),
        ]);
        assert_eq!(findings(&tree).len(), 1);
    }

    #[test]
    fn arrows_that_meet_again_are_no_circle() {
        let tree = Tree::planted([
            ("a/src/b.rs", "use super::{c::C, d::D};\npub struct B;\n"),
            ("a/src/c.rs", "use super::d::D;\npub struct C;\n"),
            ("a/src/d.rs", "pub struct D;\n"),
        ]);
        assert!(findings(&tree).is_empty());
    }
}
