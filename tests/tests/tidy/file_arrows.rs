//! Which file of a crate needs which other: an import counts for the file that defines the name, through re-exports.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::{FileNames, Import};
use super::rust_source::RustSource;
use super::tree::Tree;

/// A module's path below its crate; empty for `lib.rs` and `main.rs`.
type ModulePath = Vec<String>;

/// The files of one crate and what each needs of the others.
pub(crate) struct CrateFiles<'a> {
    modules: BTreeMap<ModulePath, Module<'a>>,
}

struct Module<'a> {
    file: &'a str,
    names: FileNames,
}

/// From each file to the files that it needs.
pub(crate) type FileArrows<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// Re-exports that lead nowhere in so many steps go in circles themselves.
const REEXPORTS_MAX: usize = 8;

/// The crates of a tree, and the test programs of several files; without unit tests, benchmarks and additional binaries.
pub(crate) fn crates(tree: &Tree) -> Vec<CrateFiles<'_>> {
    let mut crates: BTreeMap<&str, CrateFiles<'_>> = BTreeMap::new();
    for (file, source) in tree.rust_files() {
        let Some((folder, inside, names)) = in_library(file, source).or_else(|| in_test_program(file, source)) else {
            continue;
        };
        let of_crate = crates.entry(folder).or_insert_with(|| CrateFiles {
            modules: BTreeMap::new(),
        });
        of_crate.modules.insert(module_path(inside), Module { file, names });
    }
    crates.into_values().collect()
}

/// A crate's folder, the file's path below `src`, and the names of its production code.
fn in_library<'a>(file: &'a str, source: &RustSource) -> Option<(&'a str, &'a str, FileNames)> {
    let (folder, inside) = file.split_once("/src/")?;
    let is_test = source.lines.first().is_some_and(|line| line.is_test);
    let is_left_out = is_test || inside.starts_with("bin/");
    (!is_left_out).then(|| (folder, inside, FileNames::of(source.production())))
}

/// The folder of a test program, such as `store/tests/it`, the file's path below it, and its names.
fn in_test_program<'a>(file: &'a str, source: &RustSource) -> Option<(&'a str, &'a str, FileNames)> {
    let (before, below) = file.split_once("/tests/")?;
    let (_, inside) = below.split_once('/')?;
    let folder = &file[..file.len() - inside.len() - 1];
    (!before.contains("/src")).then(|| (folder, inside, FileNames::of(source.lines.iter())))
}

fn module_path(inside: &str) -> ModulePath {
    let stem = inside.strip_suffix(".rs").unwrap_or(inside);
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    let is_root = matches!(stem, "lib" | "main");
    let parts = stem.split('/').filter(|_| !is_root);
    parts.map(str::to_owned).collect()
}

impl<'a> CrateFiles<'a> {
    /// What each file needs; a re-exported name is no need of the file that re-exports it.
    pub(crate) fn arrows(&self) -> FileArrows<'a> {
        let mut arrows = FileArrows::new();
        for (path, module) in &self.modules {
            let private = module.names.imports.iter().filter(|import| !import.is_public);
            let paths = private.map(|import| &import.path).chain(&module.names.mentions);
            let needed = paths.filter_map(|name| self.defining(name, path, REEXPORTS_MAX));
            let needed = needed.filter(|needed| *needed != module.file).collect();
            arrows.insert(module.file, needed);
        }
        arrows
    }

    /// The file that defines the item of a path in the module `here`; `None` for items of other crates.
    fn defining(&self, path: &[String], here: &[String], steps_left: usize) -> Option<&'a str> {
        let steps_left = steps_left.checked_sub(1)?;
        let (mut module, mut rest) = self.beginning(path, here, steps_left)?;
        while let Some((name, after)) = rest.split_first() {
            let deeper: ModulePath = module.iter().chain([name]).cloned().collect();
            if !self.modules.contains_key(&deeper) {
                break;
            }
            (module, rest) = (deeper, after);
        }
        let found = self.modules.get(&module)?;
        let Some((name, after)) = rest.split_first() else {
            return Some(found.file);
        };
        if found.names.definitions.contains(name) {
            return Some(found.file);
        }
        let mut imports = found.names.imports.iter();
        let passed_on = imports.find_map(|import| self.passed_on(import, name, after, &module, steps_left));
        Some(passed_on.unwrap_or(found.file))
    }

    /// Where the search for a path begins: its module, and the names below that.
    fn beginning<'p>(
        &self,
        path: &'p [String],
        here: &[String],
        steps_left: usize,
    ) -> Option<(ModulePath, &'p [String])> {
        let (first, rest) = path.split_first()?;
        let up_count = path.iter().take_while(|name| *name == "super").count();
        match first.as_str() {
            "crate" => Some((ModulePath::new(), rest)),
            "self" => Some((here.to_vec(), rest)),
            "super" => Some((here[..here.len().checked_sub(up_count)?].to_vec(), &path[up_count..])),
            _ => {
                let child: ModulePath = here.iter().chain([first]).cloned().collect();
                let is_child = self.modules.contains_key(&child);
                is_child.then_some((child, rest)).or_else(|| {
                    let mut imports = self.modules.get(here)?.names.imports.iter();
                    let import = imports.find(|import| import.name == *first && import.path != path)?;
                    let file = self.defining(&import.path, here, steps_left)?;
                    let module = self.modules.iter().find(|(_, module)| module.file == file)?.0;
                    Some((module.clone(), rest))
                })
            }
        }
    }

    /// The file that defines `name`, if the import brings it into the module.
    fn passed_on(
        &self,
        import: &Import,
        name: &str,
        after: &[String],
        module: &[String],
        steps_left: usize,
    ) -> Option<&'a str> {
        let mut path = import.path.clone();
        let is_glob = import.name == "*";
        if is_glob {
            path.pop();
            path.push(name.to_owned());
        } else if import.name != name {
            return None;
        }
        path.extend_from_slice(after);
        let file = self.defining(&path, module, steps_left)?;
        let defines = |module: &Module<'_>| module.file == file && module.names.definitions.iter().any(|n| n == name);
        (!is_glob || self.modules.values().any(defines)).then_some(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrows_of<const N: usize>(files: [(&str, &str); N]) -> Vec<String> {
        let tree = Tree::planted(files);
        let crates = crates(&tree);
        let arrows = crates.iter().flat_map(|files| files.arrows());
        let shown = arrows.flat_map(|(from, needed)| needed.into_iter().map(move |to| format!("{from} -> {to}")));
        shown.collect()
    }

    #[test]
    fn an_import_counts_for_the_file_that_defines_the_name() {
        let files = [
            ("a/src/lib.rs", "mod b;\npub use b::C;\n"),
            ("a/src/b/mod.rs", "mod c;\npub(crate) use c::C;\n"),
            ("a/src/b/c.rs", "pub struct C;\n"),
            ("a/src/d.rs", "use crate::C;\n"),
        ];
        assert_eq!(arrows_of(files), ["a/src/d.rs -> a/src/b/c.rs"]);
    }

    #[test]
    fn paths_in_code_and_imported_modules_count() {
        let files = [
            ("a/src/b.rs", "fn f() { super::c::g(); }\n"),
            ("a/src/c.rs", "use super::d;\npub fn g() { d::h(); }\n"),
            ("a/src/d.rs", "pub fn h() {}\n"),
        ];
        assert_eq!(
            arrows_of(files),
            ["a/src/b.rs -> a/src/c.rs", "a/src/c.rs -> a/src/d.rs"]
        );
    }

    #[test]
    fn a_module_that_uses_its_child_needs_it_and_others_need_nothing() {
        let files = [
            ("a/src/b/mod.rs", "mod c;\nuse c::C;\n"),
            ("a/src/b/c.rs", "use std::fmt;\nuse other::b::D;\npub struct C;\n"),
        ];
        assert_eq!(arrows_of(files), ["a/src/b/mod.rs -> a/src/b/c.rs"]);
    }
}
