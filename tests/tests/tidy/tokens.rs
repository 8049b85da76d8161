//! Separates Rust code from comments and literals, so that no check matches prose.

/// A stretch of source of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// Anything that is neither of the others, one character at a time.
    Code,
    /// From `//` to the end of the line, or from `/*` to its partner.
    Comment,
    /// A string, byte string or character, with its quotes.
    Literal,
}

/// Splits a source into stretches whose concatenation is the source.
pub(crate) fn tokens(source: &str) -> impl Iterator<Item = (TokenKind, &str)> {
    let mut position = 0;
    std::iter::from_fn(move || {
        let (before, rest) = source.split_at(position);
        let first = rest.chars().next()?;
        let (kind, length) = token_at(rest, before.chars().next_back()).unwrap_or((TokenKind::Code, first.len_utf8()));
        position += length;
        Some((kind, &rest[..length]))
    })
}

/// The comment or literal that `rest` begins with, and its length in bytes.
fn token_at(rest: &str, previous: Option<char>) -> Option<(TokenKind, usize)> {
    if let Some(length) = comment_length(rest) {
        return Some((TokenKind::Comment, length));
    }
    let is_inside_word = previous.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let raw = raw_string_length(rest).filter(|_| !is_inside_word);
    let length = raw.or_else(|| string_length(rest)).or_else(|| character_length(rest))?;
    Some((TokenKind::Literal, length))
}

fn comment_length(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let mut depth = 0;
    let mut position = 0;
    while let Some(offset) = rest[position..].find(['/', '*']) {
        position += offset;
        match rest.get(position..position + 2) {
            Some("/*") => depth += 1,
            Some("*/") if depth == 1 => return Some(position + 2),
            Some("*/") => depth -= 1,
            _ => {
                position += 1;
                continue;
            }
        }
        position += 2;
    }
    Some(rest.len())
}

/// `r"..."`, `r#"..."#`, and the same after a `b` or a `c`.
fn raw_string_length(rest: &str) -> Option<usize> {
    let opening = rest.strip_prefix(['b', 'c']).unwrap_or(rest).strip_prefix('r')?;
    let hash_count = opening.find(|c| c != '#')?;
    let content = opening[hash_count..].strip_prefix('"')?;
    let closing = format!("\"{}", "#".repeat(hash_count));
    let content_length = content.find(&closing).unwrap_or(content.len());
    let length = rest.len() - content.len() + content_length + closing.len();
    Some(length.min(rest.len()))
}

fn string_length(rest: &str) -> Option<usize> {
    let content = rest.strip_prefix('"')?;
    Some(1 + escaped_length(content, '"'))
}

/// `'x'` and `'\n'`, but not the lifetime `'x`.
fn character_length(rest: &str) -> Option<usize> {
    let content = rest.strip_prefix('\'')?;
    let mut characters = content.chars();
    let first = characters.next()?;
    let is_character = first == '\\' || characters.next() == Some('\'');
    is_character.then(|| 1 + escaped_length(content, '\''))
}

/// Up to and including the first `closing` that no backslash precedes.
fn escaped_length(content: &str, closing: char) -> usize {
    let mut is_escaped = false;
    for (position, character) in content.char_indices() {
        if character == closing && !is_escaped {
            return position + 1;
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    content.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_kind(wanted: TokenKind, source: &str) -> Vec<&str> {
        tokens(source)
            .filter(|(kind, _)| *kind == wanted)
            .map(|(_, text)| text)
            .collect()
    }

    #[test]
    fn literals_are_found_whole() {
        let source = r###"f("a\"b", 'x', '\'', r#"c"d"#, b"e", "//")"###;
        let expected = [r#""a\"b""#, "'x'", r"'\''", r###"r#"c"d"#"###, r#""e""#, r#""//""#];
        assert_eq!(of_kind(TokenKind::Literal, source), expected);
    }

    #[test]
    fn lifetimes_are_code() {
        assert!(of_kind(TokenKind::Literal, "fn f<'a>(x: &'a str) -> &'static str").is_empty());
    }

    #[test]
    fn comments_are_found_whole() {
        let source = "a // b \"c\"\nd /* e /* f */ g */ h";
        assert_eq!(of_kind(TokenKind::Comment, source), ["// b \"c\"", "/* e /* f */ g */"]);
    }

    #[test]
    fn nothing_is_lost() {
        let source = include_str!("tokens.rs");
        let joined: String = tokens(source).map(|(_, text)| text).collect();
        assert_eq!(joined, source);
    }
}
