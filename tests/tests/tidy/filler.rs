//! Doc comments that are too short to state a mechanism, a limit or a consequence.

use super::finding::Finding;
use super::rust_source::RustSource;
use super::tree::Tree;

const WORDS_MIN: usize = 4;

/// Doc comments of a few words: they repeat the name.
pub(crate) fn findings(tree: &Tree) -> Vec<Finding> {
    let files = tree.rust_files();
    files.flat_map(|(path, source)| fillers(path, source)).collect()
}

fn fillers(path: &str, source: &RustSource) -> Vec<Finding> {
    let is_doc = |text: &str| text.trim_start().starts_with("///");
    let blocks = source.lines.chunk_by(|a, b| is_doc(&a.text) && is_doc(&b.text));
    let docs = blocks.filter(|block| is_doc(&block[0].text));
    docs.filter_map(|block| {
        let words = block.iter().flat_map(|line| line.text.split_whitespace());
        let word_count = words.filter(|word| word.contains(char::is_alphanumeric)).count();
        let advice = "the comment repeats the name, say mechanism, unit or limit, or remove it";
        (word_count < WORDS_MIN).then(|| Finding::new(path, block[0].number, advice))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::finding::printed;
    use super::*;

    #[test]
    fn a_comment_of_three_words_is_found_and_a_short_last_line_is_not() {
        let text = "/// The load.\npub load: u64,\n/// The load of a pod in units a\n/// second.\npub rate: u64,\n// The rest.\n";
        let found = printed(&findings(&Tree::planted([("core/src/a.rs", text)])));
        let expected = "core/src/a.rs:1: the comment repeats the name, say mechanism, unit or limit, or remove it";
        assert_eq!(found, [expected]);
    }
}
