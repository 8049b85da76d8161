//! Showing the progress of a simulation: a bar on a terminal, a few plain lines elsewhere.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Progress on standard error, so that standard output contains only the result.
#[derive(Debug)]
pub(super) enum SimProgress {
    Bar(ProgressBar),
    Lines,
}

/// A part of the work of known length.
#[derive(Debug)]
pub(super) struct ProgressStage<'a> {
    progress: &'a SimProgress,
    what: String,
    length: u64,
    shown_at: Cell<Instant>,
}

/// The interval of plain lines.
const LINE_EVERY: Duration = Duration::from_secs(10);

impl SimProgress {
    pub(super) fn begin() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines;
        }
        let style = ProgressStyle::with_template("{elapsed_precise} {bar:24} {percent:>3} % {wide_msg}");
        Self::Bar(ProgressBar::new(1).with_style(style.expect("the template is written here")))
    }

    /// Starts a part of the work.
    pub(super) fn stage(&self, what: &str, length: u64) -> ProgressStage<'_> {
        if let Self::Bar(bar) = self {
            bar.set_message(what.to_owned());
            bar.set_length(length.max(1));
            bar.set_position(0);
        }
        ProgressStage {
            progress: self,
            what: what.to_owned(),
            length: length.max(1),
            shown_at: Cell::new(Instant::now()),
        }
    }

    /// Removes the bar before the result is printed.
    pub(super) fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

impl ProgressStage<'_> {
    /// Shows that the work has reached this position.
    pub(super) fn reach(&self, position: u64) {
        match self.progress {
            SimProgress::Bar(bar) => bar.set_position(position),
            SimProgress::Lines if self.shown_at.get().elapsed() >= LINE_EVERY => {
                eprintln!("{}: {} %", self.what, position.saturating_mul(100) / self.length);
                self.shown_at.set(Instant::now());
            }
            SimProgress::Lines => {}
        }
    }
}
