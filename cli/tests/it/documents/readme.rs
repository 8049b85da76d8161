//! The code of the README is copied from an example that is compiled and tested.

use super::document;

#[test]
fn the_code_of_the_readme_is_in_the_example() {
    let example = [
        document("examples/profiles/src/bin/profiles-server.rs"),
        document("examples/profiles/src/bin/profiles-client.rs"),
    ];
    let known: Vec<&str> = example.iter().flat_map(|source| source.lines().map(code)).collect();
    let readme = document("README.md");
    let blocks = readme
        .split("```rust\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    let lines: Vec<&str> = blocks
        .flat_map(str::lines)
        .map(code)
        .filter(|line| !line.is_empty())
        .collect();
    assert!(lines.len() > 10, "the README shows a service and a client");
    for line in lines {
        assert!(
            known.contains(&line),
            "`{line}` of the README is not in examples/profiles"
        );
    }
}

/// A line without its comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default().trim()
}
