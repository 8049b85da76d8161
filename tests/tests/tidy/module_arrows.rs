//! The arrows between the modules of a crate: each imports only modules on lower floors.

use super::finding::Finding;
use super::rust_source::SourceLine;
use super::tree::Tree;

/// The modules of a crate from the lowest floor up; modules on one floor do not import each other.
type Floors = &'static [&'static [&'static str]];

/// The crates whose modules stand on floors.
const CRATES: [(&str, Floors); 2] = [
    (
        "core",
        &[
            &["time", "rate", "warmth", "name"],
            &["brain"],
            &["pod", "target"],
            &["keyspace", "session_settings"],
            &["assignment"],
            &["load"],
            &["quantity_text"],
            &["balancer"],
            &["assigner", "slicelet", "clerk"],
        ],
    ),
    (
        "lab",
        &[
            &["error", "deadline", "report"],
            &["demo", "monitoring"],
            &["cluster", "load"],
            &["chaos"],
            &["dev", "bench"],
        ],
    ),
];

/// Imports that point up or sideways, and modules without a floor.
pub(crate) fn findings(tree: &Tree) -> Vec<Finding> {
    let crates = CRATES.into_iter();
    crates
        .flat_map(|(folder, floors)| in_crate(tree, folder, floors))
        .collect()
}

fn in_crate(tree: &Tree, folder: &'static str, floors: Floors) -> Vec<Finding> {
    let sources = format!("{folder}/src/");
    let files = tree.rust_files_below(&sources);
    let placed = files.filter_map(|(path, source)| Some((path, source, ModulePlace::of(path, folder, floors)?)));
    placed
        .flat_map(|(path, source, place)| match place.floor_of(place.module) {
            None => unplaced(path, &place),
            Some(_) => {
                let lines = source.lines.iter();
                lines.flat_map(|line| wrong_imports(path, &place, line)).collect()
            }
        })
        .collect()
}

/// The position of a file: its module directly below the crate root, and its depth in modules.
struct ModulePlace<'a> {
    folder: &'static str,
    floors: Floors,
    module: &'a str,
    depth: usize,
}

impl<'a> ModulePlace<'a> {
    /// `None` for `lib.rs`, which may import every module.
    fn of(path: &'a str, folder: &'static str, floors: Floors) -> Option<Self> {
        let (_, inside) = path.split_once("/src/")?;
        let inside = inside.strip_suffix(".rs")?;
        let inside = inside.strip_suffix("/mod").unwrap_or(inside);
        let module = inside.split('/').next()?;
        let depth = inside.split('/').count();
        (inside != "lib").then_some(Self {
            folder,
            floors,
            module,
            depth,
        })
    }

    fn floor_of(&self, module: &str) -> Option<usize> {
        self.floors.iter().position(|floor| floor.contains(&module))
    }

    /// Names that are no module of the crate (its re-exports) are allowed.
    fn may_import(&self, imported: &str) -> bool {
        match (self.floor_of(self.module), self.floor_of(imported)) {
            (Some(own), Some(other)) => self.module == imported || other < own,
            _ => true,
        }
    }
}

/// Reported once, at the module's root file.
fn unplaced(path: &str, place: &ModulePlace<'_>) -> Vec<Finding> {
    let advice = format!(
        "{}'s module {} stands on no floor, give it one in CRATES of tidy/module_arrows.rs",
        place.folder, place.module
    );
    let opens_the_module = place.depth == 1;
    let finding = opens_the_module.then(|| Finding::new(path, 1, advice));
    finding.into_iter().collect()
}

fn wrong_imports(path: &str, place: &ModulePlace<'_>, line: &SourceLine) -> Vec<Finding> {
    imported_modules(place, line)
        .into_iter()
        .filter(|imported| !place.may_import(imported))
        .map(|imported| {
            let advice = format!(
                "{}'s {} may not import {imported}, arrows point down: move what both need below both",
                place.folder, place.module
            );
            Finding::new(path, line.number, advice)
        })
        .collect()
}

/// The top-level modules that a line names: after `crate::`, or after enough `super::` to reach the crate root.
fn imported_modules<'a>(place: &ModulePlace<'_>, line: &'a SourceLine) -> Vec<&'a str> {
    let mut paths: Vec<&str> = line.code.split("crate::").skip(1).collect();
    let up = "super::".repeat(place.depth);
    if !line.is_test {
        paths.extend(line.code.split_once(&up).map(|(_, path)| path));
    }
    paths.into_iter().flat_map(first_names).collect()
}

/// `a` of `a::B`, or `a` and `c` of `{a::B, c::{D, E}}`.
fn first_names(path: &str) -> Vec<&str> {
    let Some(group) = path.strip_prefix('{') else {
        return leading_name(path).into_iter().collect();
    };
    let mut depth = 0;
    group
        .split_inclusive(['{', '}', ','])
        .filter_map(|part| {
            let name = (depth == 0).then(|| leading_name(part.trim_start())).flatten();
            depth += part.matches('{').count() as i32 - part.matches('}').count() as i32;
            name
        })
        .collect()
}

fn leading_name(path: &str) -> Option<&str> {
    let end = path
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(path.len());
    (end > 0).then_some(&path[..end])
}

#[cfg(test)]
mod tests {
    use super::super::finding::printed;
    use super::*;

    fn found_in(path: &str, text: &str) -> Vec<String> {
        printed(&findings(&Tree::planted([(path, text)])))
    }

    #[test]
    fn an_arrow_that_points_up_is_found_however_it_is_written() {
        let expected = "core/src/load/map.rs:1: core's load may not import balancer, arrows point down: move what both need below both";
        for import in [
            "use crate::balancer::decide;",
            "let report = crate::balancer::decide();",
            "use crate::{assignment::{Slice, Epoch}, balancer::decide};",
            "use super::super::balancer::decide;",
        ] {
            assert_eq!(found_in("core/src/load/map.rs", import), [expected], "{import}");
        }
    }

    #[test]
    fn neither_slicelet_nor_clerk_imports_a_sibling() {
        assert_eq!(
            found_in("core/src/clerk/pick.rs", "use crate::assigner::Health;").len(),
            1
        );
        assert_eq!(found_in("core/src/slicelet.rs", "use crate::clerk::Pick;").len(), 1);
        assert_eq!(
            found_in("core/src/assigner/mod.rs", "use crate::slicelet::Count;").len(),
            1
        );
    }

    #[test]
    fn arrows_that_point_down_are_free() {
        let imports = "use crate::load::Load;\nuse crate::assigner::Health;\nuse super::pacing;\nuse crate::{pod::PodId, time::Timestamp};\n";
        assert!(found_in("core/src/assigner/health.rs", imports).is_empty());
        assert!(found_in("core/src/brain.rs", "use crate::time::Timestamp;").is_empty());
        assert!(found_in("core/src/lib.rs", "pub use crate::assigner::Brain;").is_empty());
    }

    #[test]
    fn the_harness_of_a_cluster_and_its_reports_know_no_disruption() {
        let expected = |module: &str| {
            format!(
                "lab/src/{module}/x.rs:1: lab's {module} may not import chaos, arrows point down: move what both need below both"
            )
        };
        for module in ["cluster", "report", "demo", "load"] {
            let path = format!("lab/src/{module}/x.rs");
            assert_eq!(found_in(&path, "use crate::chaos::Disruption;"), [expected(module)]);
        }
        assert!(found_in("lab/src/chaos/drain.rs", "use crate::{LabError, load::Run};").is_empty());
    }

    #[test]
    fn a_module_without_a_floor_is_found_once() {
        let tree = Tree::planted([("core/src/extras/mod.rs", ""), ("core/src/extras/more.rs", "")]);
        let expected = "core/src/extras/mod.rs:1: core's module extras stands on no floor, give it one in CRATES of tidy/module_arrows.rs";
        assert_eq!(printed(&findings(&tree)), [expected]);
    }
}
