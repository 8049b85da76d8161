//! One Rust file, line by line, with code, literals and tests separated.

use super::tokens::{TokenKind, tokens};

/// A Rust file, read once for all checks.
pub(crate) struct RustSource {
    /// The lines in order.
    pub(crate) lines: Vec<SourceLine>,
    /// Strings with the number of the line they begin on.
    pub(crate) literals: Vec<(usize, String)>,
}

/// One line of a Rust file.
pub(crate) struct SourceLine {
    /// The line number, from 1.
    pub(crate) number: usize,
    /// The line as written.
    pub(crate) text: String,
    /// The line with blanks in place of comments and literals.
    pub(crate) code: String,
    /// Whether it only exists for tests or benchmarks.
    pub(crate) is_test: bool,
}

impl RustSource {
    /// Reads a file; its path decides whether all of it is test code.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let (code, literals) = code_and_literals(text);
        let is_test_file = is_test_path(path);
        let lines = text.lines().zip(code.lines()).enumerate();
        let mut lines: Vec<SourceLine> = lines
            .map(|(index, (text, code))| SourceLine {
                number: index + 1,
                text: text.into(),
                code: code.into(),
                is_test: is_test_file,
            })
            .collect();
        mark_test_modules(&mut lines);
        Self { lines, literals }
    }

    /// The lines outside tests and benchmarks.
    pub(crate) fn production(&self) -> impl Iterator<Item = &SourceLine> {
        self.lines.iter().filter(|line| !line.is_test)
    }

    /// Whether the line of this number only exists for tests.
    pub(crate) fn is_test(&self, number: usize) -> bool {
        self.lines.get(number - 1).is_some_and(|line| line.is_test)
    }
}

/// The identifiers, keywords and numbers of a piece of code, with their positions in bytes.
pub(crate) fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_in_word = |c: char| c.is_alphanumeric() || c == '_';
    code.split(move |c| !is_in_word(c))
        .filter(|word| !word.is_empty())
        .map(move |word| (word.as_ptr().addr() - code.as_ptr().addr(), word))
}

/// Whether a path leads to tests or benchmarks.
fn is_test_path(path: &str) -> bool {
    path.split('/')
        .any(|part| matches!(part, "tests" | "tests.rs" | "benches"))
}

fn code_and_literals(text: &str) -> (String, Vec<(usize, String)>) {
    let mut code = String::new();
    let mut literals = Vec::new();
    let mut line = 1;
    for (kind, token) in tokens(text) {
        match kind {
            TokenKind::Code => code.push_str(token),
            TokenKind::Comment => code.extend(token.chars().map(blank)),
            TokenKind::Literal => {
                literals.push((line, token.into()));
                code.extend(token.chars().map(blank));
            }
        }
        line += token.matches('\n').count();
    }
    (code, literals)
}

fn blank(character: char) -> char {
    if character == '\n' { '\n' } else { ' ' }
}

/// A test module extends from its `#[cfg(test)]` to the brace that closes it, which rustfmt puts at the same depth.
fn mark_test_modules(lines: &mut [SourceLine]) {
    let mut closing: Option<String> = None;
    for index in 0..lines.len() {
        if closing.is_none() && opens_test_module(&lines[index..]) {
            let code = &lines[index].code;
            let depth = code.len() - code.trim_start().len();
            closing = Some(format!("{}}}", " ".repeat(depth)));
        }
        if let Some(end) = &closing {
            lines[index].is_test = true;
            if lines[index].code.trim_end() == end {
                closing = None;
            }
        }
    }
}

fn opens_test_module(lines: &[SourceLine]) -> bool {
    let [attribute, module, ..] = lines else {
        return false;
    };
    let module = module.code.trim();
    attribute.code.trim() == "#[cfg(test)]" && module.contains("mod ") && module.ends_with('{')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_leave_blanks_of_their_width() {
        let source = RustSource::new("a.rs", "let a = \"b\"; // c\nlet d;");
        let code: Vec<&str> = source.lines.iter().map(|line| line.code.as_str()).collect();
        assert_eq!(code, ["let a =    ;     ", "let d;"]);
        assert_eq!(source.literals, [(1, "\"b\"".to_string())]);
    }

    #[test]
    fn what_follows_a_test_module_is_production_again() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n";
        let source = RustSource::new("a.rs", text);
        let production: Vec<&str> = source.production().map(|line| line.text.as_str()).collect();
        assert_eq!(production, ["fn a() {}", "fn c() {}"]);
    }

    #[test]
    fn words_are_whole_identifiers() {
        let found: Vec<_> = words("use rand::random_x; f64").collect();
        assert_eq!(found, [(0, "use"), (4, "rand"), (10, "random_x"), (20, "f64")]);
    }
}
