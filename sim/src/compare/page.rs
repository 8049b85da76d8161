//! The page: comparisons as one self-contained HTML file.

use super::Comparison;

const FRAME: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Renders the comparisons in the given order.
#[must_use]
pub fn page(comparisons: &[Comparison]) -> String {
    let figures = serde_json::to_string(comparisons).expect("comparisons serialize to JSON");
    FRAME
        .replace("/*STYLE*/", STYLE)
        .replace("/*SCRIPT*/", SCRIPT)
        // Replaced last, so that a trace title is not taken for a placeholder; `<` is escaped so that none ends the script element.
        .replace("/*FIGURES*/", &figures.replace('<', "\\u003c"))
}
