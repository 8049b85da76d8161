//! The flags and metrics that the documents name exist.

use std::collections::BTreeSet;
use std::path::Path;

use clap::{Command, CommandFactory};

use crate::args::Args;

const DOCUMENTS: [&str; 11] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "docs/benchmarks.md",
    "docs/comparison.md",
    "docs/concepts.md",
    "docs/operating.md",
    "docs/simulator.md",
    "docs/state.md",
    "docs/tutorial.md",
    "examples/orders/README.md",
];

/// Flags of cargo, of test binaries, of scripts and of the examples' programs.
const FLAGS_OF_OTHERS: [&str; 20] = [
    "all",
    "all-targets",
    "bench",
    "bin",
    "delay-ms",
    "example",
    "fail-percent",
    "faults",
    "fix",
    "help",
    "ignored",
    "lib",
    "locked",
    "nocapture",
    "path",
    "release",
    "test",
    "test-threads",
    "version",
    "workspace",
];

pub(super) fn text_of(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

/// The word after each occurrence of `prefix` at the beginning of a word.
fn words_after<'a>(text: &'a str, prefix: &'static str, is_in_word: fn(char) -> bool) -> Vec<&'a str> {
    let begins = |at: &usize| !text[..*at].ends_with(|c: char| c == '-' || is_in_word(c));
    let starts = text.match_indices(prefix).map(|(at, _)| at).filter(begins);
    let word = |at: usize| {
        let rest = &text[at + prefix.len()..];
        &rest[..rest.find(|c| !is_in_word(c)).unwrap_or(rest.len())]
    };
    starts.map(word).filter(|word| !word.is_empty()).collect()
}

fn flags_of(command: &Command) -> BTreeSet<String> {
    let own = command
        .get_arguments()
        .filter_map(|arg| Some(arg.get_long()?.to_owned()));
    own.chain(command.get_subcommands().flat_map(flags_of)).collect()
}

#[test]
fn the_flags_that_documents_name_exist() {
    let flags = flags_of(&Args::command());
    for path in DOCUMENTS {
        let text = text_of(path);
        for flag in words_after(&text, "--", |c| c.is_ascii_lowercase() || c == '-') {
            // A diagram's arrow ends in further dashes.
            let is_known = flag.ends_with('-') || flags.contains(flag) || FLAGS_OF_OTHERS.contains(&flag);
            assert!(is_known, "{path} names --{flag}, which no command has");
        }
    }
}

#[test]
fn the_metrics_that_documents_name_exist() {
    let metrics = [
        emberkeep_assigner::metric_descriptions(),
        emberkeep_slicelet::metric_descriptions(),
        emberkeep_clerk::metric_descriptions(),
    ]
    .concat();
    let names: BTreeSet<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
    for path in DOCUMENTS {
        let text = text_of(path);
        for role in ["emberkeep_assigner_", "emberkeep_slicelet_", "emberkeep_clerk_"] {
            for metric in words_after(&text, role, |c| c.is_ascii_lowercase() || c == '_') {
                assert!(
                    names.contains(format!("{role}{metric}").as_str()),
                    "{path} names {role}{metric}, which no role has"
                );
            }
        }
    }
}

/// Paths in documents that refer to any crate.
const GENERIC_PATHS: [&str; 1] = ["tests/it/main.rs"];

#[test]
fn the_paths_that_documents_name_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let is_path = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
    for path in DOCUMENTS {
        let text = text_of(path);
        let spans = text.split('`').skip(1).step_by(2);
        let named = spans.filter(|span| span.chars().all(is_path) && (span.ends_with('/') || span.ends_with(".rs")));
        for named in named.filter(|named| !GENERIC_PATHS.contains(named)) {
            let is_of_root = named
                .split_once('/')
                .is_some_and(|(first, _)| !first.is_empty() && root.join(first).is_dir());
            assert!(
                !is_of_root || root.join(named).exists(),
                "{path} names {named}, which is not there"
            );
        }
    }
}

/// In characters; code is exempt.
const LINE_WIDTH_MAX: usize = 140;
/// The length that can be read in five minutes.
const README_WORDS_MAX: usize = 900;

#[test]
fn the_documents_have_readable_lines_and_a_short_readme() {
    for path in DOCUMENTS {
        let mut is_in_code = false;
        for (index, line) in text_of(path).lines().enumerate() {
            is_in_code ^= line.starts_with("```");
            let is_readable = is_in_code || line.chars().count() <= LINE_WIDTH_MAX;
            assert!(
                is_readable,
                "{path}:{} has more than {LINE_WIDTH_MAX} characters",
                index + 1
            );
        }
    }
    let word_count = text_of("README.md").split_whitespace().count();
    assert!(
        word_count <= README_WORDS_MAX,
        "the README has {word_count} words of at most {README_WORDS_MAX}"
    );
}
