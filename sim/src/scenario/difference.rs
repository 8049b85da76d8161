//! A line diff of two texts.

/// All lines of both texts: `-` marks lines only in `expected`, `+` lines only in `found`. `None` if the texts are equal.
#[must_use]
pub fn difference(expected: &str, found: &str) -> Option<String> {
    let (expected, found): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), found.lines().collect());
    if expected == found {
        return None;
    }
    let common = common_lengths(&expected, &found);
    let (mut text, mut at, mut to) = (String::new(), 0, 0);
    while at < expected.len() || to < found.len() {
        let (left, right) = (expected.get(at), found.get(to));
        let (sign, line) = match (left, right) {
            (Some(left), Some(right)) if left == right => (' ', left),
            (Some(left), None) => ('-', left),
            (Some(left), Some(_)) if common[at + 1][to] >= common[at][to + 1] => ('-', left),
            (_, Some(right)) => ('+', right),
            (None, None) => break,
        };
        at += usize::from(sign != '+');
        to += usize::from(sign != '-');
        text.push_str(&format!("{sign} {line}\n"));
    }
    Some(text)
}

/// The length of the longest common subsequence of the rests of both texts, from each pair of positions on.
fn common_lengths(a: &[&str], b: &[&str]) -> Vec<Vec<usize>> {
    let mut lengths = vec![vec![0; b.len() + 1]; a.len() + 1];
    for at in (0..a.len()).rev() {
        for to in (0..b.len()).rev() {
            lengths[at][to] = match a[at] == b[to] {
                true => lengths[at + 1][to + 1] + 1,
                false => lengths[at + 1][to].max(lengths[at][to + 1]),
            };
        }
    }
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_new_lines_are_marked_between_equal_ones() {
        let shown = difference("a\nb\nc\nd\n", "a\nB\nc\nd\ne\n").unwrap();
        assert_eq!(shown, "  a\n- b\n+ B\n  c\n  d\n+ e\n");
        assert_eq!(difference("a\n", "a\n"), None);
    }
}
