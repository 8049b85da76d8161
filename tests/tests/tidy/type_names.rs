//! One meaning per type name: each is defined once in the workspace.

use std::collections::BTreeMap;

use super::finding::Finding;
use super::rust_source::words;
use super::tree::Tree;

/// The keywords that define a type.
const OPENERS: [&str; 5] = ["struct", "enum", "trait", "type", "union"];

/// Names that each crate may define once, because they are read with the crate's name as a prefix.
const ONCE_PER_CRATE: [&str; 6] = ["Error", "Result", "Builder", "Settings", "Metrics", "Args"];

/// Where a type is defined: path and line.
type Definition<'a> = (&'a str, usize);

/// Repeated type names, reported at each definition after the first.
pub(crate) fn findings(tree: &Tree) -> Vec<Finding> {
    let mut definitions: BTreeMap<(&str, &str), Vec<Definition<'_>>> = BTreeMap::new();
    for (path, source) in tree.rust_files() {
        for line in &source.lines {
            if let Some(name) = defined_in(&line.code) {
                let of_name = definitions.entry((scope_of(path, name), name)).or_default();
                of_name.push((path, line.number));
            }
        }
    }
    definitions
        .into_iter()
        .flat_map(|((_, name), definitions)| repeated(name, &definitions))
        .collect()
}

/// Where the name must be unique: the crate for names of [`ONCE_PER_CRATE`] (an additional binary is one), otherwise the workspace.
fn scope_of<'a>(path: &'a str, name: &str) -> &'a str {
    let is_per_crate = ONCE_PER_CRATE.contains(&name);
    match path.split_once("/src/") {
        Some((folder, inside)) if is_per_crate && !inside.starts_with("bin/") => folder,
        _ if is_per_crate => path,
        _ => "",
    }
}

/// The name of the type that a line defines. An indented `type` is an associated type, named by its trait.
fn defined_in(code: &str) -> Option<&str> {
    let unadorned = without_visibility(without_attributes(code));
    let all: Vec<&str> = words(unadorned).map(|(_, word)| word).collect();
    let opener = all.iter().position(|word| OPENERS.contains(word))?;
    let is_definition = all[..opener].iter().all(|word| *word == "unsafe");
    let is_associated = all[opener] == "type" && code.starts_with(' ');
    let name = all.get(opener + 1).copied()?;
    let is_type_name = name.starts_with(|c: char| c.is_uppercase());
    (is_definition && is_type_name && !is_associated).then_some(name)
}

/// The code after attributes on the same line.
fn without_attributes(code: &str) -> &str {
    let code = code.trim_start();
    let inner = code.strip_prefix("#[").and_then(|rest| rest.split_once(']'));
    inner.map_or(code, |(_, rest)| without_attributes(rest))
}

/// The code after `pub` and its parentheses.
fn without_visibility(code: &str) -> &str {
    let Some(rest) = code.strip_prefix("pub") else {
        return code;
    };
    let path = rest.strip_prefix('(').and_then(|rest| rest.split_once(')'));
    path.map_or(rest, |(_, rest)| rest)
}

fn repeated(name: &str, definitions: &[Definition<'_>]) -> Vec<Finding> {
    let Some(((first_path, first_line), others)) = definitions.split_first() else {
        return Vec::new();
    };
    let finding = |(path, line): &Definition<'_>| {
        let advice =
            format!("`{name}` is defined at {first_path}:{first_line} too, give one of the two a more specific name");
        Finding::new(path, *line, advice)
    };
    others.iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::super::finding::printed;
    use super::*;

    fn found_in<const N: usize>(files: [(&str, &str); N]) -> Vec<String> {
        printed(&findings(&Tree::planted(files)))
    }

    #[test]
    fn a_name_of_two_types_is_found_in_whatever_way_they_are_defined() {
        let expected =
            "clerk/src/b.rs:1: `Tally` is defined at assigner/src/a.rs:1 too, give one of the two a more specific name";
        for second in [
            "pub(crate) struct Tally {",
            "enum Tally {",
            "pub trait Tally: Send {",
            "type Tally<T> = Vec<T>;",
            "pub(in crate::load) struct Tally;",
            "#[derive(Debug)] pub struct Tally;",
        ] {
            let files = [("assigner/src/a.rs", "struct Tally;"), ("clerk/src/b.rs", second)];
            assert_eq!(found_in(files), [expected], "{second}");
        }
    }

    #[test]
    fn types_of_tests_count() {
        let test = "#[cfg(test)]\nmod tests {\n    struct Tally;\n}\n";
        assert_eq!(
            found_in([("clerk/src/a.rs", test), ("clerk/tests/it/b.rs", "struct Tally;")]).len(),
            1
        );
    }

    #[test]
    fn a_crate_may_have_its_own_settings_but_only_once() {
        let settings = "pub struct Settings;";
        assert!(found_in([("clerk/src/a.rs", settings), ("sim/src/a.rs", settings)]).is_empty());
        assert_eq!(
            found_in([("clerk/src/a.rs", settings), ("clerk/src/b.rs", settings)]).len(),
            1
        );
    }

    #[test]
    fn associated_types_and_prose_are_free() {
        for free in [
            "    type Tally = u8;",
            "// A struct Tally.",
            "let x = \"struct Tally\";",
        ] {
            assert!(
                found_in([("a.rs", "struct Tally;"), ("b.rs", free)]).is_empty(),
                "{free}"
            );
        }
    }
}
