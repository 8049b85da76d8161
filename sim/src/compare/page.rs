//! The page: a comparison as HTML in one file, which needs nothing else.

use super::Comparison;

const FRAME: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page of these comparisons, in the order given.
#[must_use]
pub fn page(comparisons: &[Comparison]) -> String {
    let figures = serde_json::to_string(comparisons).expect("figures and names are JSON");
    FRAME
        .replace("/*STYLE*/", STYLE)
        .replace("/*SCRIPT*/", SCRIPT)
        // Last, so that nothing a trace is called is taken for a place to fill; and no name ends the script element.
        .replace("/*FIGURES*/", &figures.replace('<', "\\u003c"))
}
