//! Leftovers: postponed work, modules outside their place, code that only a simulation runs.

use super::finding::Finding;
use super::tree::Tree;

/// Marks of postponed work, assembled from parts so that this file does not match itself.
const MARKS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Code that has no place, with the remedy.
const LEFTOVERS: [(&str, &str); 4] = [
    ("todo!(", "the code is not finished, finish it or leave it out"),
    ("unimplemented!(", "the code is not finished, finish it or leave it out"),
    ("#[path", "the module is not where its name says, move the file"),
    (
        "cfg(sim",
        "the simulator is a caller, not a mode: give it what production gets",
    ),
];

/// Marks in any text, leftovers in code.
pub(crate) fn findings(tree: &Tree) -> Vec<Finding> {
    let texts = [".rs", ".md", ".toml", ".proto"].into_iter();
    let texts = texts.flat_map(|ending| tree.texts(ending));
    let marks = texts.flat_map(|(path, text)| marks_in(path, text));
    let leftovers = tree.rust_files().flat_map(|(path, source)| {
        let lines = source.lines.iter();
        lines.filter_map(move |line| leftover(path, line.number, &line.code))
    });
    marks.chain(leftovers).collect()
}

fn marks_in<'a>(path: &'a str, text: &'a str) -> impl Iterator<Item = Finding> + 'a {
    text.lines().enumerate().filter_map(move |(index, line)| {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let mark = line.split(|c| !is_word(c)).find(|word| MARKS.contains(word))?;
        let advice = format!("{mark} puts work off, do it now or open an issue");
        Some(Finding::new(path, index + 1, advice))
    })
}

fn leftover(path: &str, line: usize, code: &str) -> Option<Finding> {
    let (found, remedy) = LEFTOVERS.iter().find(|(text, _)| code.contains(text))?;
    let advice = format!("`{found}` is left behind: {remedy}");
    Some(Finding::new(path, line, advice))
}

#[cfg(test)]
mod tests {
    use super::super::finding::printed;
    use super::*;

    fn found_in(path: &str, text: &str) -> Vec<String> {
        printed(&findings(&Tree::planted([(path, text)])))
    }

    #[test]
    fn work_put_off_is_found_in_any_text() {
        let note = format!("// {}: retry\n", MARKS[0]);
        let expected = format!("a.rs:1: {} puts work off, do it now or open an issue", MARKS[0]);
        assert_eq!(found_in("a.rs", &note), [expected]);
        assert_eq!(found_in("docs/a.md", &note).len(), 1);
        assert!(found_in("a.rs", "// Todos are a word.\n").is_empty());
    }

    #[test]
    fn leftovers_are_found_in_code_but_not_in_prose() {
        let expected = "a.rs:1: `todo!(` is left behind: the code is not finished, finish it or leave it out";
        assert_eq!(found_in("a.rs", "fn a() { todo!() }"), [expected]);
        assert_eq!(found_in("a.rs", "#[path = \"b.rs\"]\nmod a;").len(), 1);
        assert_eq!(found_in("a.rs", "#[cfg(sim)]\nmod a;").len(), 1);
        assert!(found_in("a.rs", "// Never todo!() here.").is_empty());
    }
}
