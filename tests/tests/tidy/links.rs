//! Links between documents point to files of the repository.

use super::finding::Finding;
use super::tree::Tree;

/// Links in Markdown to files that are not in the repository.
pub(crate) fn findings(tree: &Tree) -> Vec<Finding> {
    tree.texts(".md")
        .flat_map(|(path, text)| {
            let links = links_in(text).into_iter();
            links.filter_map(move |(line, link)| {
                let advice = fault(tree, path, link)?;
                Some(Finding::new(path, line, advice))
            })
        })
        .collect()
}

/// Targets of `[text](target)` outside of code blocks, with their lines.
fn links_in(text: &str) -> Vec<(usize, &str)> {
    let mut is_in_block = false;
    let mut links = Vec::new();
    for (index, line) in text.lines().enumerate() {
        is_in_block ^= line.trim_start().starts_with("```");
        if !is_in_block {
            let targets = line.split("](").skip(1);
            links.extend(targets.filter_map(|rest| Some((index + 1, rest.split(')').next()?))));
        }
    }
    links
}

fn fault(tree: &Tree, path: &str, link: &str) -> Option<String> {
    let target = link.split('#').next()?;
    if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    match resolved(path, target) {
        None => Some(format!(
            "the link {link} leads out of the repository, name its source instead"
        )),
        Some(found) if tree.has(&found) => None,
        Some(_) => Some(format!("the link {link} leads nowhere, correct it or take it out")),
    }
}

/// The path from the root that a link in the file at `path` means; `None` above the root.
fn resolved(path: &str, target: &str) -> Option<String> {
    let folder = path.rsplit_once('/').map(|(folder, _)| folder);
    let mut parts: Vec<&str> = folder.map_or(Vec::new(), |folder| folder.split('/').collect());
    for part in target.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::super::finding::printed;
    use super::*;

    fn found_in(text: &str) -> Vec<String> {
        let tree = Tree::planted([("docs/a.md", text), ("docs/b.md", ""), ("core/src/lib.rs", "//! a")]);
        printed(&findings(&tree))
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        let expected = "docs/a.md:2: the link c.md leads nowhere, correct it or take it out";
        assert_eq!(found_in("# A\nsee [b](b.md) and [c](c.md)\n"), [expected]);
        let expected = "docs/a.md:1: the link ../../d.md leads out of the repository, name its source instead";
        assert_eq!(found_in("[d](../../d.md)"), [expected]);
    }

    #[test]
    fn links_that_lead_somewhere_are_free() {
        for good in [
            "[b](./b.md#part)",
            "[core](../core/)",
            "[self](#part)",
            "[web](https://example.com/x)",
        ] {
            assert!(found_in(good).is_empty(), "{good}");
        }
    }

    #[test]
    fn code_blocks_hold_no_links() {
        assert!(found_in("```rust\nlet x = a[0](c);\n```\n").is_empty());
    }
}
