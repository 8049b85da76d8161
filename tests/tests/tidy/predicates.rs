//! Predicates (`is_`, `has_`, `may_`) return a value and mutate nothing.

use super::finding::Finding;
use super::rust_source::{RustSource, words};
use super::tree::Tree;

const BEGINNINGS: [&str; 3] = ["is_", "has_", "may_"];

/// Functions with a predicate's name that take `mut` or return nothing.
pub(crate) fn findings(tree: &Tree) -> Vec<Finding> {
    let files = tree.rust_files();
    files.flat_map(|(path, source)| faults(path, source)).collect()
}

fn faults(path: &str, source: &RustSource) -> Vec<Finding> {
    let code: String = source.lines.iter().map(|line| format!("{}\n", line.code)).collect();
    let all: Vec<(usize, &str)> = words(&code).collect();
    all.windows(2)
        .filter(|pair| pair[0].1 == "fn" && BEGINNINGS.iter().any(|beginning| pair[1].1.starts_with(beginning)))
        .filter_map(|pair| {
            let (start, name) = pair[1];
            let advice = fault(name, signature(&code[start..]))?;
            Some(Finding::new(path, 1 + code[..start].matches('\n').count(), advice))
        })
        .collect()
}

/// Up to the body, or to the end of a declaration without one.
fn signature(code: &str) -> &str {
    &code[..code.find(['{', ';']).unwrap_or(code.len())]
}

fn fault(name: &str, signature: &str) -> Option<String> {
    if words(signature).any(|(_, word)| word == "mut") {
        return Some(format!(
            "`{name}` is named as a predicate and takes `mut`, name it after what it does (`on_*`, `record_*`)"
        ));
    }
    let has_return = signature.contains("->");
    (!has_return).then(|| format!("`{name}` is named as a predicate and returns nothing, name it after what it does"))
}

#[cfg(test)]
mod tests {
    use super::super::finding::printed;
    use super::*;

    fn found_in(text: &str) -> Vec<String> {
        printed(&findings(&Tree::planted([("a.rs", text)])))
    }

    #[test]
    fn a_predicate_that_may_change_something_is_found() {
        let expected =
            "a.rs:2: `is_due` is named as a predicate and takes `mut`, name it after what it does (`on_*`, `record_*`)";
        let text = "impl A {\n    pub fn is_due(\n        &mut self,\n    ) -> bool {\n        true\n    }\n}\n";
        assert_eq!(found_in(text), [expected]);
        assert_eq!(found_in("fn may_pass(budget: &mut Budget) -> bool;").len(), 1);
    }

    #[test]
    fn a_predicate_that_returns_nothing_is_found() {
        let expected = "a.rs:1: `has_room` is named as a predicate and returns nothing, name it after what it does";
        assert_eq!(found_in("fn has_room(&self) {"), [expected]);
    }

    #[test]
    fn predicates_that_return_and_verbs_that_change_are_free() {
        for free in [
            "fn is_due(&self, now: u8) -> bool { let mut x = now; x += 1; x > 1 }",
            "fn record(&mut self) {",
            "fn isolate(&mut self) {",
        ] {
            assert!(found_in(free).is_empty(), "{free}");
        }
    }
}
