//! The pages of `docs/reference/`, generated from the program and compared with what is committed.

mod commands;
mod metrics;
mod page;
mod sdk;
mod settings;

use std::path::Path;

const REWRITE: &str = "UPDATE_GOLDEN=1 cargo test -p emberkeep --bin emberkeep reference";

/// Compares a page with the committed one, or rewrites the committed one if `UPDATE_GOLDEN` is set.
fn assert_current(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../docs/reference/{name}.md"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, expected).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == expected,
        "docs/reference/{name}.md is not current, rewrite it with `{REWRITE}`"
    );
    let widest = expected.lines().map(|line| line.chars().count()).max();
    assert!(
        widest <= Some(page::WIDTH_MAX),
        "{name}.md has a line of {widest:?} characters"
    );
}

#[test]
fn the_pages_of_commands_are_current() {
    for name in ["admin", "assigner", "bench", "dev", "health", "sim"] {
        assert_current(name, &commands::page(name));
    }
}

#[test]
fn the_page_of_settings_is_current() {
    assert_current("settings", &settings::page());
}

#[test]
fn the_page_of_metrics_is_current() {
    assert_current("metrics", &metrics::page());
}
