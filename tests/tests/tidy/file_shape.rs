//! The opening line of a file, and the length limits of files and functions.

use super::finding::Finding;
use super::rust_source::{RustSource, words};
use super::tree::Tree;

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 60;

/// Files without `//!`, files that are too long, functions that are too long.
pub(crate) fn findings(tree: &Tree) -> Vec<Finding> {
    let files = tree.rust_files();
    files
        .flat_map(|(path, source)| {
            let of_file = [missing_opening(path, source), too_long(path, source)];
            let of_file = of_file.into_iter().flatten();
            of_file.chain(long_functions(path, source))
        })
        .collect()
}

fn missing_opening(path: &str, source: &RustSource) -> Option<Finding> {
    let begins_well = source.lines.first()?.text.starts_with("//! ");
    let advice = "the file does not say what it is for, begin it with a `//!` line";
    (!begins_well).then(|| Finding::new(path, 1, advice))
}

/// Test modules do not count; files that are tests as a whole do.
fn too_long(path: &str, source: &RustSource) -> Option<Finding> {
    let is_test_file = source.lines.first()?.is_test;
    let line_count = if is_test_file {
        source.lines.len()
    } else {
        source.production().count()
    };
    let advice =
        format!("the file has {line_count} lines of at most {FILE_LINES_MAX}, give one of its nouns a file of its own");
    (line_count > FILE_LINES_MAX).then(|| Finding::new(path, line_count, advice))
}

fn long_functions(path: &str, source: &RustSource) -> Vec<Finding> {
    functions(source)
        .into_iter()
        .filter(|function| function.line_count > FUNCTION_LINES_MAX)
        .map(|Function { name, line, line_count }| {
            let advice = format!(
                "`{name}` has {line_count} lines of at most {FUNCTION_LINES_MAX}, give its steps names of their own"
            );
            Finding::new(path, line, advice)
        })
        .collect()
}

struct Function {
    name: String,
    line: usize,
    line_count: usize,
}

fn functions(source: &RustSource) -> Vec<Function> {
    let code: String = source.lines.iter().map(|line| format!("{}\n", line.code)).collect();
    let all: Vec<(usize, &str)> = words(&code).collect();
    all.windows(2)
        .filter(|pair| pair[0].1 == "fn")
        .filter_map(|pair| {
            let [(start, keyword), (name_start, name)] = [pair[0], pair[1]];
            let is_pointer_type = !code[start + keyword.len()..name_start].trim().is_empty();
            let length = item_length(&code[start..]).filter(|_| !is_pointer_type)?;
            Some(Function {
                name: name.into(),
                line: 1 + code[..start].matches('\n').count(),
                line_count: 1 + code[start..start + length].matches('\n').count(),
            })
        })
        .collect()
}

/// The bytes up to the brace that closes the body; `None` for a function without one, as in a trait.
fn item_length(code: &str) -> Option<usize> {
    let mut brackets = 0_usize;
    let mut braces = 0_usize;
    for (position, byte) in code.bytes().enumerate() {
        match byte {
            b'(' | b'[' => brackets += 1,
            b')' | b']' => brackets = brackets.saturating_sub(1),
            b';' if braces == 0 && brackets == 0 => return None,
            b'{' => braces += 1,
            b'}' if braces == 1 => return Some(position),
            b'}' => braces = braces.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::finding::printed;
    use super::*;

    fn found_in(text: &str) -> Vec<String> {
        printed(&findings(&Tree::planted([("core/src/a.rs", text)])))
    }

    #[test]
    fn a_file_without_an_opening_line_is_found() {
        let expected = "core/src/a.rs:1: the file does not say what it is for, begin it with a `//!` line";
        assert_eq!(found_in("use std::fmt;\n"), [expected]);
        assert!(found_in("//! Why.\n").is_empty());
    }

    #[test]
    fn a_file_of_more_than_500_lines_is_found_but_its_tests_are_not_counted() {
        let test = "#[cfg(test)]\nmod tests {\n    fn a() {}\n}\n";
        let file = |count| format!("//! Why.\n{}{test}", "// b\n".repeat(count));
        assert!(found_in(&file(499)).is_empty());
        let expected =
            "core/src/a.rs:501: the file has 501 lines of at most 500, give one of its nouns a file of its own";
        assert_eq!(found_in(&file(500)), [expected]);
    }

    #[test]
    fn a_function_of_more_than_60_lines_is_found_where_it_begins() {
        let body = |count| "    let x: [u8; 2] = f(\"}\", '}');\n".repeat(count);
        let file = |count| {
            format!(
                "//! Why.\ntype F = fn(u8);\nfn long(a: [u8; 4]) {{\n{}}}\n",
                body(count)
            )
        };
        assert!(found_in(&file(58)).is_empty());
        let expected = "core/src/a.rs:3: `long` has 61 lines of at most 60, give its steps names of their own";
        assert_eq!(found_in(&file(59)), [expected]);
    }
}
