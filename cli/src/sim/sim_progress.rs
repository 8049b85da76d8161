//! Showing the progress of a simulation: a bar on a terminal, a few plain lines elsewhere.

use std::cell::Cell;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Progress on standard error, so that standard output contains only the result. The bar is hidden unless that is a
/// terminal.
#[derive(Debug)]
pub(super) struct SimProgress(ProgressBar);

/// A part of the work of known length.
#[derive(Debug)]
pub(super) struct ProgressStage<'a> {
    bar: &'a ProgressBar,
    what: String,
    length: u64,
    shown_at: Cell<Instant>,
}

/// The interval of plain lines.
const LINE_EVERY: Duration = Duration::from_secs(10);

impl SimProgress {
    pub(super) fn begin() -> Self {
        let style = ProgressStyle::with_template("{elapsed_precise} {bar:24} {percent:>3} % {wide_msg}");
        Self(ProgressBar::new(1).with_style(style.expect("the template is written here")))
    }

    /// Starts a part of the work.
    pub(super) fn stage(&self, what: &str, length: u64) -> ProgressStage<'_> {
        let Self(bar) = self;
        let length = length.max(1);
        bar.set_message(what.to_owned());
        bar.set_length(length);
        bar.set_position(0);
        ProgressStage {
            bar,
            what: what.to_owned(),
            length,
            shown_at: Cell::new(Instant::now()),
        }
    }

    /// Removes the bar before the result is printed.
    pub(super) fn end(&self) {
        self.0.finish_and_clear();
    }
}

impl ProgressStage<'_> {
    /// Shows that the work has reached this position.
    pub(super) fn reach(&self, position: u64) {
        self.bar.set_position(position);
        if self.bar.is_hidden() && self.shown_at.get().elapsed() >= LINE_EVERY {
            eprintln!("{}: {} %", self.what, position.saturating_mul(100) / self.length);
            self.shown_at.set(Instant::now());
        }
    }
}
