//! Comparing the output shown in a document with the actual output.

/// Whether all lines that are shown were printed, in that order; other lines may be among them. Numbers above 1 stand for any number, and
/// runs of blanks for any other.
pub(crate) fn is_printed(shown: &str, printed: &str) -> bool {
    let mut printed = printed.lines();
    let lines = shown
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && *line != "...");
    lines
        .into_iter()
        .all(|line| printed.any(|printed| is_same(line, printed)))
}

fn is_same(shown: &str, printed: &str) -> bool {
    let (shown, printed) = (tokens(shown), tokens(printed));
    let is_number = |token: &str| token.chars().all(|c| c.is_ascii_digit());
    let is_any = |token: &str| is_number(token) && token != "0" && token != "1";
    let mut pairs = shown.iter().zip(&printed);
    shown.len() == printed.len()
        && pairs.all(|(shown, printed)| shown == printed || is_any(shown) && is_number(printed))
}

/// Words and numbers; the characters between them are ignored, except for punctuation.
fn tokens(line: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut last = ' ';
    for c in line.chars() {
        let continues = (c.is_ascii_digit() && last.is_ascii_digit()) || (c.is_alphabetic() && last.is_alphabetic());
        match tokens.last_mut() {
            Some(token) if continues => token.push(c),
            _ if c.is_whitespace() => {}
            _ => tokens.push(c.to_string()),
        }
        last = c;
    }
    tokens
}

#[test]
fn numbers_stand_for_any_but_none_and_one_for_themselves() {
    let printed = "noise\npod-1  127.0.0.1:29310   16 0\n712 sent, 0 failed\n";
    assert!(is_printed(
        "...\npod-1 127.0.0.1:8081 32 0\n1367 sent, 0 failed\n",
        printed
    ));
    assert!(
        !is_printed("pod-1 127.0.0.1:8081 32 32\n5 sent", printed),
        "order and all tokens count"
    );
    assert!(!is_printed("1367 sent, 0 failed", "712 sent, 5 failed"));
    assert!(!is_printed("pod-1", "pod-3"));
}
