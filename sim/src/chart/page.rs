//! The page: the chart of a run as one self-contained HTML file.

use super::RunChart;
use crate::html_page::HtmlPage;

const PAGE: HtmlPage = HtmlPage {
    title: "Emberkeep: a simulated cluster",
    body: include_str!("chart.html"),
    style: include_str!("chart.css"),
    script: concat!(include_str!("chart_plots.js"), include_str!("chart.js")),
};

/// Renders the chart; the same chart always has the same bytes.
#[must_use]
pub fn page(chart: &RunChart) -> String {
    PAGE.render(chart)
}
