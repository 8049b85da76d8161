//! Showing the progress of a run: a bar on a terminal, plain lines elsewhere.

use emberkeep_lab::report::{ProgressEvent, ProgressSample};
use indicatif::{ProgressBar, ProgressStyle};

/// Progress on standard error, so that standard output contains only the summary. The bar is hidden unless that is a
/// terminal.
#[derive(Debug)]
pub(super) struct RunProgress(ProgressBar);

impl RunProgress {
    pub(super) fn begin() -> Self {
        let bar = ProgressBar::new_spinner().with_style(style("{spinner} {wide_msg}"));
        bar.set_message("starting assigner and store");
        bar.tick();
        Self(bar)
    }

    pub(super) fn show(&self, event: &ProgressEvent<'_>) {
        match event {
            ProgressEvent::Step(step) => self.step(step),
            ProgressEvent::Part { step, done, count } => self.part(step, *done, *count),
            ProgressEvent::Located(line) => self.0.suspend(|| eprintln!("{line}")),
            ProgressEvent::LoadStarted { request_count } => self.on_load_started(*request_count),
            ProgressEvent::Sample(sample) => self.sample(sample),
        }
    }

    pub(super) fn end(&self) {
        self.0.finish_and_clear();
    }

    fn step(&self, step: &str) {
        if self.0.is_hidden() {
            eprintln!("{step}");
        }
        self.0.set_message(step.to_owned());
        self.0.tick();
    }

    /// Plain lines are printed for each tenth of the work only.
    fn part(&self, step: &str, done: usize, count: usize) {
        if !self.0.is_hidden() || done * 10 / count > (done - 1) * 10 / count {
            self.step(&format!("{step} {done}/{count}"));
        }
    }

    fn on_load_started(&self, request_count: Option<u64>) {
        let template = match request_count {
            Some(count) => {
                self.0.set_length(count);
                "{elapsed_precise} {bar:24} {pos}/{len} {wide_msg}"
            }
            None => "{spinner} {elapsed_precise} {pos} requests, {wide_msg}",
        };
        self.0.set_style(style(template));
        self.0.reset_elapsed();
    }

    fn sample(&self, sample: &ProgressSample) {
        if self.0.is_hidden() {
            eprintln!("{:6.1} s  {sample}", sample.at.as_secs_f64());
        }
        self.0.set_position(sample.requests);
        self.0.set_message(sample.to_string());
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates are written here")
}
