//! The page: a body, a style, a script and data in one file that needs no network.

use serde::Serialize;

const FRAME: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const PLOT: &str = include_str!("plot.js");

/// The most points of a curve; more are indistinguishable on a screen.
pub(crate) const POINTS_MAX: u64 = 720;

/// What one kind of page adds to the shared parts. The shared style and script come first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HtmlPage {
    /// The title of the browser's window.
    pub(crate) title: &'static str,
    pub(crate) body: &'static str,
    pub(crate) style: &'static str,
    /// A script that finds the data in the constant `figures`.
    pub(crate) script: &'static str,
}

impl HtmlPage {
    /// Renders the page with its data.
    pub(crate) fn render(self, data: &impl Serialize) -> String {
        let figures = serde_json::to_string(data).expect("figures serialize to JSON");
        FRAME
            .replace("/*TITLE*/", self.title)
            .replace("/*BODY*/", self.body)
            .replace("/*STYLE*/", &format!("{STYLE}{}", self.style))
            .replace("/*SCRIPT*/", &format!("{PLOT}{}", self.script))
            // Replaced last, so that a title in the data is not taken for a placeholder; `<` is escaped so that none ends the script element.
            .replace("/*FIGURES*/", &figures.replace('<', "\\u003c"))
    }
}
