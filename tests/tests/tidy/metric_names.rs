//! Metric names are defined in `metrics.rs` only, and begin with `emberkeep_<role>_`.

use super::finding::Finding;
use super::tree::Tree;

const PREFIX: &str = "emberkeep_";

/// Metric names outside `metrics.rs`, and names inside that break the form.
pub(crate) fn findings(tree: &Tree) -> Vec<Finding> {
    tree.rust_files()
        .flat_map(|(path, source)| {
            let production = source.literals.iter().filter(|(line, _)| !source.is_test(*line));
            production.filter_map(move |(line, literal)| {
                let advice = fault(path, literal.trim_matches('"'))?;
                Some(Finding::new(path, *line, advice))
            })
        })
        .collect()
}

fn fault(path: &str, literal: &str) -> Option<String> {
    let rest = literal.strip_prefix(PREFIX)?;
    let role = path.split('/').next()?;
    let is_home = path.ends_with("/metrics.rs") || path.contains("/metrics/");
    if is_home {
        let noun = rest.strip_prefix(role).and_then(|rest| rest.strip_prefix('_'));
        // The nouns of a role may be put behind its prefix in one place.
        return (!noun.is_some_and(|noun| noun == "{name}" || is_name(noun)))
            .then(|| format!("the metric {literal} breaks the form, call it {PREFIX}{role}_<noun>_<unit|total>"));
    }
    let looks_like_a_metric = is_name(rest) && rest.contains('_');
    looks_like_a_metric
        .then(|| format!("the metric {literal} is named outside metrics.rs, move its name to {role}/src/metrics.rs"))
}

fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !text.is_empty() && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::super::finding::printed;
    use super::*;

    fn found_in(path: &str, text: &str) -> Vec<String> {
        printed(&findings(&Tree::planted([(path, text)])))
    }

    #[test]
    fn a_metric_named_outside_its_file_is_found() {
        let code = "let name = \"emberkeep_clerk_requests_total\";";
        let expected = "clerk/src/lookup.rs:1: the metric emberkeep_clerk_requests_total is named outside metrics.rs, move its name to clerk/src/metrics.rs";
        assert_eq!(found_in("clerk/src/lookup.rs", code), [expected]);
        assert!(found_in("clerk/src/metrics.rs", code).is_empty());
        assert!(found_in("clerk/tests/metrics_page.rs", code).is_empty());
    }

    #[test]
    fn a_metric_without_its_role_is_found() {
        for wrong in [
            "\"emberkeep_requests\"",
            "\"emberkeep_slicelet_hits_total\"",
            "\"emberkeep_clerk_Hits\"",
        ] {
            assert_eq!(found_in("clerk/src/metrics.rs", wrong).len(), 1, "{wrong}");
        }
    }

    #[test]
    fn crate_names_are_no_metrics() {
        assert!(found_in("cli/src/main.rs", "filter(\"emberkeep_assigner=debug\")").is_empty());
        assert!(found_in("cli/src/main.rs", "use emberkeep_core::keyspace::Slice;").is_empty());
    }
}
