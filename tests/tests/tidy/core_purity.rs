//! Core is pure: no clock, random number, lock, log or I/O, and nothing that depends on hash order or rounding.

use super::finding::Finding;
use super::rust_source::{SourceLine, words};
use super::tree::Tree;

/// Words that are forbidden in core, with the remedy.
const KEPT_OUT: [(&[&str], &str); 8] = [
    (&["Instant", "SystemTime"], "time is a parameter, take `now: Timestamp`"),
    (
        &["HashMap", "HashSet"],
        "order is part of the answer, use a BTreeMap or BTreeSet",
    ),
    (
        &["f32", "f64"],
        "sums of floats depend on their order, count in milli-units",
    ),
    (
        &["rand", "fastrand", "getrandom"],
        "chance is a parameter, take the seed or the pick",
    ),
    (
        &["tokio", "async", "await"],
        "core runs where it is called, let the driver in the role's crate wait and spawn",
    ),
    (
        &["Mutex", "RwLock", "RefCell"],
        "one task owns a brain, change it through `&mut self`",
    ),
    (
        &["TcpStream", "TcpListener", "UdpSocket", "ToSocketAddrs"],
        "core does no I/O, leave it to the role's crate",
    ),
    (
        &["tracing", "println", "eprintln"],
        "core returns facts, let the role's crate log and print",
    ),
];

/// Modules of the standard library that reach out of core; their names are common words elsewhere.
const KEPT_OUT_OF_STD: [&str; 5] = ["env", "fs", "io", "process", "thread"];

/// Impure words in the production code of core.
pub(crate) fn findings(tree: &Tree) -> Vec<Finding> {
    tree.rust_files_below("core/src/")
        .flat_map(|(path, source)| {
            let lines = source.production();
            lines.flat_map(move |line| impurities(path, line))
        })
        .collect()
}

fn impurities(path: &str, line: &SourceLine) -> Vec<Finding> {
    let names_std = line.code.contains("std::");
    let named = words(&line.code).filter_map(|(_, word)| Some((word, remedy_for(word, names_std)?)));
    let floats = float_literal(&line.code).map(|literal| (literal, "core does not round, write integers"));
    named
        .chain(floats)
        .map(|(word, remedy)| Finding::new(path, line.number, format!("`{word}` in core: {remedy}")))
        .collect()
}

fn remedy_for(word: &str, is_beside_std: bool) -> Option<&'static str> {
    if is_beside_std && KEPT_OUT_OF_STD.contains(&word) {
        return Some("core does no I/O, leave it to the role's crate");
    }
    let (_, remedy) = KEPT_OUT.iter().find(|(kept_out, _)| kept_out.contains(&word))?;
    Some(remedy)
}

/// `1.5`, but neither the range `1..5` nor the field `pair.0.1`.
fn float_literal(code: &str) -> Option<&str> {
    let all: Vec<(usize, &str)> = words(code).collect();
    all.windows(2).find_map(|pair| {
        let [(start, whole), (decimals_start, decimals)] = [pair[0], pair[1]];
        let is_number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
        let is_field = code[..start].ends_with('.');
        let is_joined = &code[start + whole.len()..decimals_start] == ".";
        let is_float = is_joined && !is_field && is_number(whole) && is_number(decimals);
        is_float.then(|| &code[start..decimals_start + decimals.len()])
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::printed;
    use super::*;

    fn found_in(path: &str, text: &str) -> Vec<String> {
        printed(&findings(&Tree::planted([(path, text)])))
    }

    #[test]
    fn every_impurity_is_found_with_its_remedy() {
        let expected = "core/src/load/map.rs:1: `Instant` in core: time is a parameter, take `now: Timestamp`";
        assert_eq!(found_in("core/src/load/map.rs", "use std::time::Instant;"), [expected]);
        for impure in [
            "use std::collections::HashMap;",
            "let share = load as f64;",
            "let half = whole * 0.5;",
            "let pick = rand::random();",
            "use std::sync::Mutex;",
            "println!(\"moved\");",
            "async fn wait() {}",
            "use std::fs;",
            "let path = std::env::var(NAME);",
        ] {
            assert_eq!(found_in("core/src/a.rs", impure).len(), 1, "{impure}");
        }
    }

    #[test]
    fn tests_comments_and_other_crates_are_free() {
        let tests = "// An Instant.\n#[cfg(test)]\nmod tests {\n    use std::collections::HashMap;\n}\n";
        assert!(found_in("core/src/a.rs", tests).is_empty());
        assert!(found_in("core/benches/lookup.rs", "use std::time::Instant;").is_empty());
        assert!(found_in("runtime/src/clock.rs", "use std::time::Instant;").is_empty());
    }

    #[test]
    fn what_only_looks_impure_is_free() {
        for exact in ["1..5", "let net = io;", "pair.0.1", "1_000", "x.0 .1", "f(1, 2)"] {
            assert!(found_in("core/src/a.rs", exact).is_empty(), "{exact}");
        }
    }
}
