//! Self-contained HTML pages: the frame, the style and the plots that all pages of the simulator share.

mod bands;
#[expect(clippy::module_inception, reason = "a page is what this module is about")]
mod html_page;

pub use bands::Bands;
pub(crate) use html_page::{HtmlPage, POINTS_MAX};
