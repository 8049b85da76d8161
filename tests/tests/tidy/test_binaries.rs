//! The integration tests of a crate are one binary, `it`, so that its dependencies are linked once; tests that need network
//! namespaces are apart, in `network`.

use super::finding::Finding;
use super::tree::Tree;

const BINARIES: [&str; 2] = ["it", "network"];

/// Test binaries with another name, also the files directly below `tests/`, each of which is a binary.
pub(crate) fn findings(tree: &Tree) -> Vec<Finding> {
    let files = tree.rust_files();
    files.filter_map(|(path, _)| additional_binary(path)).collect()
}

fn additional_binary(path: &str) -> Option<Finding> {
    let (folder, inside) = path.split_once("/tests/")?;
    let is_crate = folder != "tests" && !folder.contains("/src");
    let root = inside.strip_suffix("/main.rs").or_else(|| inside.strip_suffix(".rs"))?;
    let is_binary = is_crate && !root.contains('/') && !BINARIES.contains(&root);
    let advice = format!("`{root}` is linked as a test binary of its own, move it below {folder}/tests/it/");
    is_binary.then(|| Finding::new(path, 1, advice))
}

#[cfg(test)]
mod tests {
    use super::super::finding::printed;
    use super::*;

    #[test]
    fn a_second_test_binary_is_found_as_file_and_as_folder() {
        let paths = [
            "store/tests/faults.rs",
            "store/tests/more/main.rs",
            "store/tests/it/main.rs",
            "store/tests/it/faults.rs",
            "cli/tests/network/main.rs",
            "store/src/tests/faults.rs",
            "tests/tests/tidy.rs",
        ];
        let found = printed(&findings(&Tree::planted(paths.map(|path| (path, "")))));
        let expected = |path: &str, name: &str| {
            format!("{path}:1: `{name}` is linked as a test binary of its own, move it below store/tests/it/")
        };
        let expected = [expected(paths[0], "faults"), expected(paths[1], "more")];
        assert_eq!(found, expected);
    }
}
