//! The import arrows between crates, and external crates that only one folder may use.

use super::finding::Finding;
use super::rust_source::words;
use super::tree::Tree;

/// Each crate's folder, and the folders of the crates it may import.
const ARROWS: [(&str, &[&str]); 13] = [
    ("core", &[]),
    ("proto", &["core"]),
    ("runtime", &["core", "proto"]),
    ("store", &["core"]),
    ("assigner", &["core", "proto", "runtime", "store"]),
    ("slicelet", &["core", "proto", "runtime", "store"]),
    ("clerk", &["core", "proto", "runtime", "store"]),
    ("sim", &["core"]),
    (
        "lab",
        &[
            "core", "proto", "runtime", "store", "assigner", "slicelet", "clerk", "sim",
        ],
    ),
    ("cli", ANY),
    ("testkit", &["core", "proto", "runtime", "store"]),
    ("tests", ANY),
    ("examples", &["clerk", "slicelet", "store"]),
];

const ANY: &[&str] = &["*"];

/// The crate that only tests and benchmarks may import, regardless of the arrows of their crate.
const TESTS_ONLY: &str = "testkit";

/// External crates that only these folders may depend on.
const AT_HOME_IN: [(&str, &[&str]); 3] = [
    ("aws-sdk-s3", &["store"]),
    ("openraft", &["assigner"]),
    ("anyhow", &["cli", "tests", "examples"]),
];

/// External crates that these folders must not use, by the beginning of their names.
const KEPT_OUT: [(&str, &[&str]); 2] = [
    (
        "core",
        &[
            "tokio",
            "tonic",
            "prost",
            "futures",
            "async-",
            "rand",
            "tracing",
            "log",
            "prometheus",
        ],
    ),
    ("sim", &["tokio", "tonic", "prost", "futures", "async-"]),
];

/// The folder in which code may name an external crate, by its name in `use` paths.
const USED_BELOW: [(&str, &str); 2] = [("openraft", "assigner/src/raft/"), ("aws_sdk_s3", "store/")];

/// Forbidden dependencies in manifests, and forbidden uses in code.
pub(crate) fn findings(tree: &Tree) -> Vec<Finding> {
    let manifests = tree.texts("/Cargo.toml").flat_map(|(path, manifest)| {
        let folder = folder_of(path);
        dependencies(manifest).into_iter().filter_map(move |(line, name)| {
            let advice = forbidden(folder, name)?;
            Some(Finding::new(path, line, advice))
        })
    });
    manifests.chain(misplaced_uses(tree)).collect()
}

/// The first folder of a manifest's path, so that all of `examples/` is one.
fn folder_of(path: &str) -> &str {
    path.split('/').next().unwrap_or(path)
}

/// Names and lines of a manifest's dependencies; dev-dependencies are exempt.
fn dependencies(manifest: &str) -> Vec<(usize, &str)> {
    let mut is_in_table = false;
    let mut found = Vec::new();
    for (index, line) in manifest.lines().enumerate() {
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            is_in_table = header.ends_with("dependencies") && !header.ends_with("dev-dependencies");
            let single = header
                .split_once("dependencies.")
                .filter(|(before, _)| !before.ends_with("dev-"));
            found.extend(single.map(|(_, name)| (index + 1, name)));
        } else if is_in_table && line.starts_with(|c: char| c.is_alphabetic()) {
            found.push((index + 1, dependency_name(line)));
        }
    }
    found
}

/// `name` of `name.workspace = true`, or `other` of `name = { package = "other" }`.
fn dependency_name(line: &str) -> &str {
    let renamed = line.split_once("package = \"");
    let name = renamed.map_or(line, |(_, package)| package);
    name.split(['.', ' ', '=', '"']).next().unwrap_or(name)
}

fn forbidden(folder: &str, dependency: &str) -> Option<String> {
    match dependency.strip_prefix("emberkeep") {
        Some("") => forbidden_arrow(folder, "cli"),
        Some(name) => forbidden_arrow(folder, name.trim_start_matches('-')),
        None => forbidden_outsider(folder, dependency),
    }
}

fn forbidden_arrow(folder: &str, imported: &str) -> Option<String> {
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == folder) else {
        return Some(format!(
            "the crate {folder} has no place in the picture, give it one in ARROWS of tidy/crate_arrows.rs"
        ));
    };
    if imported == TESTS_ONLY {
        return Some(format!("{imported} is test support, list it under dev-dependencies"));
    }
    let is_allowed = *allowed == ANY || allowed.contains(&imported);
    let allowed = or_nothing(allowed);
    (!is_allowed)
        .then(|| format!("{folder} may not import {imported}, only {allowed}: move the code to where both may see it"))
}

fn or_nothing(names: &[&str]) -> String {
    if names.is_empty() {
        return "crates from outside".into();
    }
    names.join(", ")
}

fn forbidden_outsider(folder: &str, dependency: &str) -> Option<String> {
    let mut homes = AT_HOME_IN.iter().filter(|(name, _)| *name == dependency);
    let misplaced = homes.find(|(_, homes)| !homes.contains(&folder));
    if let Some((_, homes)) = misplaced {
        return Some(format!(
            "{dependency} is at home in {}, call that instead",
            homes.join(", ")
        ));
    }
    let mut kept_out = KEPT_OUT.iter().filter(|(name, _)| *name == folder);
    kept_out
        .any(|(_, beginnings)| beginnings.iter().any(|beginning| dependency.starts_with(beginning)))
        .then(|| format!("{folder} is pure and does without {dependency}, use it in the role's crate"))
}

fn misplaced_uses(tree: &Tree) -> impl Iterator<Item = Finding> {
    tree.rust_files().flat_map(|(path, source)| {
        source.lines.iter().filter_map(move |line| {
            let (name, home) = USED_BELOW
                .iter()
                .find(|(name, home)| !path.starts_with(home) && words(&line.code).any(|(_, word)| word == *name))?;
            let advice = format!("{name} is named only below {home}, wrap it there and use the wrapper");
            Some(Finding::new(path, line.number, advice))
        })
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
    fn a_role_that_imports_another_is_found() {
        let manifest = "[package]\nname = \"emberkeep-clerk\"\n\n[dependencies]\nemberkeep-core.workspace = true\nemberkeep-assigner.workspace = true\n";
        let expected = "clerk/Cargo.toml:6: clerk may not import assigner, only core, proto, runtime, store: move the code to where both may see it";
        assert_eq!(found_in("clerk/Cargo.toml", manifest), [expected]);
    }

    #[test]
    fn an_import_is_found_however_it_is_written() {
        for dependency in [
            "[dependencies]\nemberkeep-proto = { path = \"../proto\" }",
            "[build-dependencies]\nemberkeep-proto.workspace = true",
            "[target.'cfg(unix)'.dependencies]\nemberkeep-proto.workspace = true",
            "[dependencies]\nwire = { path = \"../proto\", package = \"emberkeep-proto\" }",
            "\n[dependencies.emberkeep-proto]\nworkspace = true",
        ] {
            let expected = "core/Cargo.toml:2: core may not import proto, only crates from outside: move the code to where both may see it";
            assert_eq!(found_in("core/Cargo.toml", dependency), [expected], "{dependency}");
        }
    }

    #[test]
    fn tests_may_import_what_their_crate_may_not() {
        let manifest =
            "[dev-dependencies]\nemberkeep-slicelet.workspace = true\n[dev-dependencies.tokio]\nversion = \"1\"\n";
        assert!(found_in("core/Cargo.toml", manifest).is_empty());
    }

    #[test]
    fn test_support_outside_of_tests_is_found_even_where_any_crate_may_be_imported() {
        let manifest = "[dependencies]\nemberkeep-testkit.workspace = true\n";
        for path in ["cli/Cargo.toml", "clerk/Cargo.toml"] {
            let expected = format!("{path}:2: testkit is test support, list it under dev-dependencies");
            assert_eq!(found_in(path, manifest), [expected]);
        }
        let manifest = "[dev-dependencies]\nemberkeep-testkit.workspace = true\n";
        assert!(found_in("clerk/Cargo.toml", manifest).is_empty());
    }

    #[test]
    fn examples_use_public_crates_only() {
        let manifest = "[dependencies]\nemberkeep-clerk.workspace = true\nemberkeep-core.workspace = true\n";
        let expected = "examples/profiles/Cargo.toml:3: examples may not import core, only clerk, slicelet, store: move the code to where both may see it";
        assert_eq!(found_in("examples/profiles/Cargo.toml", manifest), [expected]);
    }

    #[test]
    fn a_crate_without_a_place_is_found() {
        let manifest = "[dependencies]\nemberkeep-core.workspace = true\n";
        let expected = "extras/Cargo.toml:2: the crate extras has no place in the picture, give it one in ARROWS of tidy/crate_arrows.rs";
        assert_eq!(found_in("extras/Cargo.toml", manifest), [expected]);
    }

    #[test]
    fn a_runtime_in_core_or_in_the_simulator_is_found() {
        let manifest = "[dependencies]\ntokio-util.workspace = true\n";
        let expected = "sim/Cargo.toml:2: sim is pure and does without tokio-util, use it in the role's crate";
        assert_eq!(found_in("sim/Cargo.toml", manifest), [expected]);
        assert_eq!(found_in("core/Cargo.toml", manifest).len(), 1);
        assert!(found_in("runtime/Cargo.toml", manifest).is_empty());
    }

    #[test]
    fn a_library_away_from_home_is_found_in_manifests_and_in_code() {
        let manifest = "[dependencies]\naws-sdk-s3.workspace = true\n";
        let expected = "slicelet/Cargo.toml:2: aws-sdk-s3 is at home in store, call that instead";
        assert_eq!(found_in("slicelet/Cargo.toml", manifest), [expected]);

        let code = "//! Sessions, not openraft.\nuse openraft::Raft;\n";
        let expected = "assigner/src/session.rs:2: openraft is named only below assigner/src/raft/, wrap it there and use the wrapper";
        assert_eq!(found_in("assigner/src/session.rs", code), [expected]);
        assert!(found_in("assigner/src/raft/log.rs", code).is_empty());
    }
}
