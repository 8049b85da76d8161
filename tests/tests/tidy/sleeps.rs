//! Tests wait for an event with a deadline; a sleep in a test is a guess.

use super::finding::Finding;
use super::rust_source::{RustSource, SourceLine, words};
use super::tree::Tree;

/// Allows a sleep that gives a test its pace, on the same line or on the one above.
const PERMISSION: &str = concat!("// tidy", ": paces, does not wait");

/// Calls of `sleep` in tests.
pub(crate) fn findings(tree: &Tree) -> Vec<Finding> {
    tree.rust_files()
        .flat_map(|(path, source)| sleeping_lines(source).map(move |line| (path, line)))
        .map(|(path, line)| {
            let advice =
                format!("a test that sleeps guesses, wait for an event with a deadline (or say `{PERMISSION}`)");
            Finding::new(path, line.number, advice)
        })
        .collect()
}

fn sleeping_lines(source: &RustSource) -> impl Iterator<Item = &SourceLine> {
    let tests = source.lines.iter().filter(|line| line.is_test);
    tests.filter(|line| is_sleep(line) && !is_permitted(source, line))
}

fn is_sleep(line: &SourceLine) -> bool {
    words(&line.code).any(|(start, word)| word == "sleep" && line.code[start + word.len()..].starts_with('('))
}

fn is_permitted(source: &RustSource, line: &SourceLine) -> bool {
    let first = line.number.saturating_sub(2);
    source.lines[first..line.number]
        .iter()
        .any(|line| line.text.contains(PERMISSION))
}

#[cfg(test)]
mod tests {
    use super::super::finding::printed;
    use super::*;

    fn found_in(path: &str, text: &str) -> Vec<String> {
        printed(&findings(&Tree::planted([(path, text)])))
    }

    #[test]
    fn a_sleeping_test_is_found() {
        let expected = format!(
            "tests/tests/kill.rs:1: a test that sleeps guesses, wait for an event with a deadline (or say `{PERMISSION}`)"
        );
        assert_eq!(found_in("tests/tests/kill.rs", "    sleep(SECOND).await;"), [expected]);
        let module = "#[cfg(test)]\nmod tests {\n    fn a() { std::thread::sleep(SECOND) }\n}\n";
        assert_eq!(found_in("clerk/src/retry.rs", module).len(), 1);
    }

    #[test]
    fn production_code_and_paced_tests_may_sleep() {
        assert!(found_in("clerk/src/retry.rs", "sleep(pause).await;").is_empty());
        for paced in [
            format!("sleep(STEP); {PERMISSION}"),
            format!("{PERMISSION}\nsleep(STEP);"),
        ] {
            assert!(found_in("tests/tests/load.rs", &paced).is_empty(), "{paced}");
        }
    }
}
