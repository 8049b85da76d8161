//! Predicates (`is_`, `has_`, `may_`) return a value and mutate nothing.

use super::finding::Finding;
use super::rust_source::{RustSource, words};
use super::tree::Tree;

const BEGINNINGS: [&str; 3] = ["is_", "has_", "may_"];

/// Functions with a predicate's name that take `&mut` or return nothing.
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

/// Up to the body, or to the end of a declaration without one; brackets may contain a `;`, as in `[u8; 4]`.
fn signature(code: &str) -> &str {
    let mut depth = 0_i32;
    let end = code.find(|c: char| {
        depth += i32::from(matches!(c, '(' | '[')) - i32::from(matches!(c, ')' | ']'));
        c == '{' || (c == ';' && depth == 0)
    });
    &code[..end.unwrap_or(code.len())]
}

/// Whether the function can change what it is given: `&mut self`, `&'a mut Budget`.
fn takes_exclusive_reference(signature: &str) -> bool {
    let mut references = signature.split('&').skip(1);
    references.any(|after| {
        let mut all = words(after).map(|(_, word)| word);
        let has_lifetime = after.starts_with('\'');
        all.nth(usize::from(has_lifetime)) == Some("mut")
    })
}

/// Whether a return type follows the parameters; `->` in the bounds of a type parameter is none.
fn has_return(signature: &str) -> bool {
    let (mut angles, mut parentheses, mut previous) = (0_i32, 0_i32, ' ');
    for (at, c) in signature.char_indices() {
        match c {
            '<' if parentheses == 0 => angles += 1,
            '>' if parentheses == 0 && previous != '-' => angles -= 1,
            '(' if angles == 0 => parentheses += 1,
            ')' if angles == 0 && parentheses == 1 => return signature[at + 1..].trim_start().starts_with("->"),
            ')' if angles == 0 => parentheses -= 1,
            _ => {}
        }
        previous = c;
    }
    false
}

fn fault(name: &str, signature: &str) -> Option<String> {
    if takes_exclusive_reference(signature) {
        return Some(format!(
            "`{name}` is named as a predicate and takes `&mut`, name it after what it does (`on_*`, `record_*`)"
        ));
    }
    (!has_return(signature))
        .then(|| format!("`{name}` is named as a predicate and returns nothing, name it after what it does"))
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
        let expected = "a.rs:2: `is_due` is named as a predicate and takes `&mut`, name it after what it does (`on_*`, `record_*`)";
        let text = "impl A {\n    pub fn is_due(\n        &mut self,\n    ) -> bool {\n        true\n    }\n}\n";
        assert_eq!(found_in(text), [expected]);
        for faulty in [
            "fn may_pass(budget: &mut Budget) -> bool;",
            "fn may_pass<'a>(budget: &'a mut Budget) -> bool;",
        ] {
            assert_eq!(found_in(faulty).len(), 1, "{faulty}");
        }
    }

    #[test]
    fn a_predicate_that_returns_nothing_is_found() {
        let expected = "a.rs:1: `has_room` is named as a predicate and returns nothing, name it after what it does";
        assert_eq!(found_in("fn has_room(&self) {"), [expected]);
        assert_eq!(found_in("fn has_room<F: Fn() -> bool>(room: F) {").len(), 1);
    }

    #[test]
    fn predicates_that_return_and_verbs_that_change_are_free() {
        for free in [
            "fn is_due(&self, now: u8) -> bool { let mut x = now; x += 1; x > 1 }",
            "fn is_magic(bytes: [u8; 4]) -> bool {",
            "fn is_even(mut number: u64) -> bool {",
            "fn may_pass(&self, test: impl Fn(u8) -> bool) -> bool {",
            "fn record(&mut self) {",
            "fn isolate(&mut self) {",
        ] {
            assert!(found_in(free).is_empty(), "{free}");
        }
    }
}
