//! Showing how far a simulation is: a bar on a terminal, a few plain lines elsewhere.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Where progress is shown: on standard error, so that standard output holds the answer alone.
#[derive(Debug)]
pub(super) enum Progress {
    Bar(ProgressBar),
    Lines,
}

/// A part of the work, whose length is known.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    progress: &'a Progress,
    what: String,
    length: u64,
    shown_at: Cell<Instant>,
}

/// How often a plain line is worth writing.
const LINE_EVERY: Duration = Duration::from_secs(10);

impl Progress {
    pub(super) fn begin() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines;
        }
        let style = ProgressStyle::with_template("{elapsed_precise} {bar:24} {percent:>3} % {wide_msg}");
        Self::Bar(ProgressBar::new(1).with_style(style.expect("the template is written here")))
    }

    /// Begins a part of the work.
    pub(super) fn stage(&self, what: &str, length: u64) -> Stage<'_> {
        if let Self::Bar(bar) = self {
            bar.set_message(what.to_owned());
            bar.set_length(length.max(1));
            bar.set_position(0);
        }
        Stage {
            progress: self,
            what: what.to_owned(),
            length: length.max(1),
            shown_at: Cell::new(Instant::now()),
        }
    }

    /// Makes room for the answer.
    pub(super) fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

impl Stage<'_> {
    /// So much of it is done.
    pub(super) fn reach(&self, position: u64) {
        match self.progress {
            Progress::Bar(bar) => bar.set_position(position),
            Progress::Lines if self.shown_at.get().elapsed() >= LINE_EVERY => {
                eprintln!("{}: {} %", self.what, position.saturating_mul(100) / self.length);
                self.shown_at.set(Instant::now());
            }
            Progress::Lines => {}
        }
    }
}
