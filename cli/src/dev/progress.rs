//! Showing the progress of a run: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;

use emberkeep_lab::report::{ProgressEvent, ProgressSample};
use indicatif::{ProgressBar, ProgressStyle};

/// Progress on standard error, so that standard output contains only the summary.
#[derive(Debug)]
pub(super) enum RunProgress {
    Bar(ProgressBar),
    Lines,
}

impl RunProgress {
    pub(super) fn begin() -> Self {
        if std::io::stderr().is_terminal() {
            Self::Bar(ProgressBar::new_spinner().with_style(style("{spinner} {wide_msg}")))
        } else {
            Self::Lines
        }
    }

    pub(super) fn show(&self, event: &ProgressEvent<'_>) {
        match event {
            ProgressEvent::Step(step) => self.step(step),
            ProgressEvent::Part { step, done, count } => self.part(step, *done, *count),
            ProgressEvent::Located(line) => self.line(line),
            ProgressEvent::LoadStarted { request_count } => self.load_started(*request_count),
            ProgressEvent::Sample(sample) => self.sample(sample),
        }
    }

    pub(super) fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }

    fn step(&self, step: &str) {
        match self {
            Self::Bar(bar) => {
                bar.set_message(step.to_owned());
                bar.tick();
            }
            Self::Lines => eprintln!("{step}"),
        }
    }

    /// Plain lines are printed for each tenth of the work only.
    fn part(&self, step: &str, done: usize, count: usize) {
        match self {
            Self::Bar(_) => self.step(&format!("{step} {done}/{count}")),
            Self::Lines if done * 10 / count > (done - 1) * 10 / count => self.step(&format!("{step} {done}/{count}")),
            Self::Lines => {}
        }
    }

    /// Prints a permanent line, above the bar if there is one.
    fn line(&self, line: &str) {
        match self {
            Self::Bar(bar) => bar.suspend(|| eprintln!("{line}")),
            Self::Lines => eprintln!("{line}"),
        }
    }

    fn load_started(&self, request_count: Option<u64>) {
        if let Self::Bar(bar) = self {
            match request_count {
                Some(count) => {
                    bar.set_length(count);
                    bar.set_style(style("{elapsed_precise} {bar:24} {pos}/{len} {wide_msg}"));
                }
                None => bar.set_style(style("{spinner} {elapsed_precise} {pos} requests, {wide_msg}")),
            }
            bar.reset_elapsed();
        }
    }

    fn sample(&self, sample: &ProgressSample) {
        match self {
            Self::Bar(bar) => {
                bar.set_position(sample.requests);
                bar.set_message(sample.to_string());
            }
            Self::Lines => eprintln!("{:6.1} s  {sample}", sample.at.as_secs_f64()),
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates are written here")
}
