//! Names of files and types that describe nothing.

use super::finding::Finding;
use super::rust_source::words;
use super::tree::Tree;

/// File and folder names that describe no content.
const EMPTY_FILE_NAMES: [&str; 8] = [
    "util", "utils", "common", "helper", "helpers", "types", "misc", "shared",
];

/// Endings that fit every type and so describe none.
const EMPTY_ENDINGS: [&str; 9] = [
    "Manager",
    "Helper",
    "Helpers",
    "Util",
    "Utils",
    "Impl",
    "Data",
    "Info",
    "Processor",
];

/// The keywords that open a type, in Rust and in `.proto` files.
const RUST_OPENERS: [&str; 4] = ["struct", "enum", "trait", "type"];
const PROTO_OPENERS: [&str; 3] = ["message", "enum", "service"];

/// Files and types whose names describe nothing.
pub(crate) fn findings(tree: &Tree) -> Vec<Finding> {
    let files = tree.rust_files().filter_map(|(path, _)| empty_file_name(path));
    let rust_types = tree.rust_files().flat_map(|(path, source)| {
        let lines = source.lines.iter();
        lines.filter_map(move |line| empty_type_name(path, line.number, &line.code, &RUST_OPENERS))
    });
    let proto_types = tree.texts(".proto").flat_map(|(path, text)| {
        let lines = text.lines().enumerate();
        lines.filter_map(move |(index, line)| {
            let code = line.split("//").next()?;
            empty_type_name(path, index + 1, code, &PROTO_OPENERS)
        })
    });
    files.chain(rust_types).chain(proto_types).collect()
}

fn empty_file_name(path: &str) -> Option<Finding> {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    let empty = stem.split('/').find(|part| EMPTY_FILE_NAMES.contains(part))?;
    let advice = format!("`{empty}` names no thing, call the file after the noun it holds");
    Some(Finding::new(path, 1, advice))
}

/// An indented `type` is an associated type, named by its trait.
fn empty_type_name(path: &str, line: usize, code: &str, openers: &[&str]) -> Option<Finding> {
    let all: Vec<(usize, &str)> = words(code).collect();
    let is_foreign = code.starts_with(' ') && code.trim_start().starts_with("type ");
    let opened = all.windows(2).find(|pair| openers.contains(&pair[0].1))?;
    let (_, name) = opened[1];
    let ending = EMPTY_ENDINGS.iter().find(|ending| name.ends_with(*ending))?;
    let advice = format!("`{name}` ends in {ending}, which every type could: say what this one is");
    (!is_foreign).then(|| Finding::new(path, line, advice))
}

#[cfg(test)]
mod tests {
    use super::super::finding::printed;
    use super::*;

    fn found_in(path: &str, text: &str) -> Vec<String> {
        printed(&findings(&Tree::planted([(path, text)])))
    }

    #[test]
    fn a_file_or_folder_named_after_nothing_is_found() {
        let expected = "clerk/src/utils.rs:1: `utils` names no thing, call the file after the noun it holds";
        assert_eq!(found_in("clerk/src/utils.rs", ""), [expected]);
        assert_eq!(found_in("clerk/src/common/mod.rs", "").len(), 1);
        assert!(found_in("clerk/src/commons.rs", "").is_empty());
    }

    #[test]
    fn a_type_with_an_empty_ending_is_found() {
        let expected = "a.rs:2: `PodInfo` ends in Info, which every type could: say what this one is";
        assert_eq!(found_in("a.rs", "\npub(crate) struct PodInfo {\n"), [expected]);
        assert_eq!(found_in("a.rs", "pub trait SliceManager: Send {").len(), 1);
        assert_eq!(found_in("a.proto", "message PodInfo {").len(), 1);
    }

    #[test]
    fn uses_and_the_types_of_foreign_traits_are_free() {
        for free in [
            "use std::marker::PhantomData;",
            "    type SnapshotData = Cursor<Vec<u8>>;",
            "struct Metadata;",
            "// A struct like PodInfo.",
        ] {
            assert!(found_in("a.rs", free).is_empty(), "{free}");
        }
    }
}
