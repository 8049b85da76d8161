//! The imports and definitions of one Rust file.

use super::rust_source::{SourceLine, words};

/// A path as it is written: `["super", "plan", "Plan"]`.
pub(crate) type NamePath = Vec<String>;

/// One name that a `use` brings into scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    /// The path that the name refers to; it ends in `*` for a glob.
    pub(crate) path: NamePath,
    /// The name in this file.
    pub(crate) name: String,
    /// Whether others can reach the name through this file.
    pub(crate) is_public: bool,
}

/// The imports, mentions and definitions of one file.
#[derive(Debug, Default)]
pub(crate) struct FileNames {
    /// All names that `use` brings into scope.
    pub(crate) imports: Vec<Import>,
    /// Paths of more than one name outside `use`.
    pub(crate) mentions: Vec<NamePath>,
    /// Items that the file defines, at any depth.
    pub(crate) definitions: Vec<String>,
}

/// The keywords that define an item with a name.
const ITEMS: [&str; 8] = ["struct", "enum", "trait", "type", "fn", "const", "static", "union"];

impl FileNames {
    /// Reads these lines of a file.
    pub(crate) fn of<'a>(lines: impl Iterator<Item = &'a SourceLine>) -> Self {
        let code: String = lines.map(|line| format!("{}\n", line.code)).collect();
        let mut names = Self::default();
        let mut statement = String::new();
        for piece in code.split_inclusive([';', '{', '}']) {
            statement.push_str(piece);
            if is_open_use(&statement) {
                continue;
            }
            match use_of(&statement) {
                Some((before, is_public, tree)) => {
                    names.read_code(before);
                    expand(tree, &[], is_public, &mut names.imports);
                }
                None => names.read_code(&statement),
            }
            statement.clear();
        }
        names
    }

    fn read_code(&mut self, code: &str) {
        let all: Vec<(usize, &str)> = words(code).collect();
        let defined = all.windows(2).filter(|pair| ITEMS.contains(&pair[0].1));
        self.definitions.extend(defined.map(|pair| pair[1].1.to_owned()));
        let mut path: NamePath = Vec::new();
        let mut end = 0;
        for (start, word) in all {
            if path.is_empty() || &code[end..start] != "::" {
                self.mention(std::mem::take(&mut path));
            }
            path.push(word.to_owned());
            end = start + word.len();
        }
        self.mention(path);
    }

    fn mention(&mut self, path: NamePath) {
        if path.len() > 1 {
            self.mentions.push(path);
        }
    }
}

/// Whether the statement is a `use` without its closing semicolon so far.
fn is_open_use(statement: &str) -> bool {
    use_of(statement).is_some() && !statement.ends_with(';')
}

/// The text before a `use`, whether the `use` is public, and its tree of names.
fn use_of(statement: &str) -> Option<(&str, bool, &str)> {
    let (position, _) = words(statement).find(|(_, word)| *word == "use")?;
    let (before, tree) = statement.split_at(position);
    let line = before.rsplit('\n').next().unwrap_or(before).trim();
    let is_statement = line.is_empty() || line.starts_with("pub");
    let tree = tree.strip_prefix("use")?.trim_end_matches(';').trim();
    is_statement.then_some((before, !line.is_empty(), tree))
}

/// `a::{b, c::D as E}` becomes `a::b` and `a::c::D` with its names.
fn expand(tree: &str, before: &[String], is_public: bool, imports: &mut Vec<Import>) {
    if let Some((head, group)) = tree.split_once('{') {
        let mut before = before.to_vec();
        before.extend(segments(head));
        let group = group.trim_end().strip_suffix('}').unwrap_or(group);
        for part in parts(group) {
            expand(part, &before, is_public, imports);
        }
        return;
    }
    let (path, name) = match tree.split_once(" as ") {
        Some((path, name)) => (path, Some(name.trim().to_owned())),
        None => (tree, None),
    };
    let mut path: NamePath = before.iter().cloned().chain(segments(path)).collect();
    if path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    if let Some(last) = path.last().cloned() {
        let name = name.unwrap_or(last);
        imports.push(Import { path, name, is_public });
    }
}

fn segments(path: &str) -> impl Iterator<Item = String> {
    path.split("::")
        .map(|segment| segment.trim().to_owned())
        .filter(|segment| !segment.is_empty())
}

/// The parts of a group between the commas that no brace encloses.
fn parts(group: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let parts = group.split(move |character| {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::rust_source::RustSource;
    use super::*;

    fn read(text: &str) -> FileNames {
        FileNames::of(RustSource::new("a.rs", text).production())
    }

    fn imported(text: &str) -> Vec<String> {
        let names = read(text);
        let shown = names.imports.iter().map(|import| {
            let public = if import.is_public { "pub " } else { "" };
            format!("{public}{} = {}", import.name, import.path.join("::"))
        });
        shown.collect()
    }

    #[test]
    fn each_name_of_a_tree_is_imported_with_its_path() {
        let text = "use a::{self, b::{C, D as E}};\npub(crate) use super::f::*;\nuse std::fmt;\n";
        let expected = [
            "a = a",
            "C = a::b::C",
            "E = a::b::D",
            "pub * = super::f::*",
            "fmt = std::fmt",
        ];
        assert_eq!(imported(text), expected);
    }

    #[test]
    fn tests_import_nothing() {
        assert!(imported("#[cfg(test)]\nmod tests {\n    use super::*;\n}\n").is_empty());
    }

    #[test]
    fn paths_in_code_and_defined_names_are_read() {
        let names = read("pub struct A;\nfn b() -> c::D {\n    crate::e::f(A);\n}\n");
        assert_eq!(names.definitions, ["A", "b"]);
        assert_eq!(
            names.mentions,
            [
                vec!["c".to_owned(), "D".into()],
                vec!["crate".into(), "e".into(), "f".into()]
            ]
        );
    }
}
