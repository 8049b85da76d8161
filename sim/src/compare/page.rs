//! The page: comparisons as one self-contained HTML file.

use super::Comparison;
use crate::html_page::HtmlPage;

const PAGE: HtmlPage = HtmlPage {
    title: "Emberkeep: balancers compared",
    body: include_str!("compare.html"),
    style: include_str!("compare.css"),
    script: include_str!("compare.js"),
};

/// Renders the comparisons in the given order.
#[must_use]
pub fn page(comparisons: &[Comparison]) -> String {
    PAGE.render(&comparisons)
}
