//! Showing how a run goes: a bar on a terminal, plain lines elsewhere.

use std::fmt;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::schedule::Schedule;
use super::summary::{in_ms, percent};
use super::tally::Interval;

/// Where progress is shown; on standard error, so that standard output holds the summary alone.
#[derive(Debug)]
pub(super) enum Progress {
    Bar(ProgressBar),
    Lines,
}

/// How a run has gone since it was last shown.
#[derive(Debug)]
pub(super) struct Pulse {
    pub(super) at: Duration,
    pub(super) lasted: Duration,
    pub(super) requests: u64,
    pub(super) interval: Interval,
    pub(super) moves: u64,
    pub(super) generation: i64,
}

impl Progress {
    pub(super) fn begin() -> Self {
        if std::io::stderr().is_terminal() {
            Self::Bar(ProgressBar::new_spinner().with_style(style("{spinner} {wide_msg}")))
        } else {
            Self::Lines
        }
    }

    /// Something that is done before the run.
    pub(super) fn step(&self, what: &str) {
        match self {
            Self::Bar(bar) => {
                bar.set_message(what.to_owned());
                bar.tick();
            }
            Self::Lines => eprintln!("{what}"),
        }
    }

    /// A part of it is done. Plain lines come for each tenth only.
    pub(super) fn part(&self, what: &str, done: usize, count: usize) {
        match self {
            Self::Bar(_) => self.step(&format!("{what} {done}/{count}")),
            Self::Lines if done * 10 / count > (done - 1) * 10 / count => self.step(&format!("{what} {done}/{count}")),
            Self::Lines => {}
        }
    }

    /// A line that stays.
    pub(super) fn line(&self, line: &str) {
        match self {
            Self::Bar(bar) => bar.suspend(|| eprintln!("{line}")),
            Self::Lines => eprintln!("{line}"),
        }
    }

    /// From now on, it is the run that is shown.
    pub(super) fn run(&self, schedule: &Schedule, duration: Option<Duration>) {
        if let Self::Bar(bar) = self {
            match schedule.request_count() {
                Some(count) if duration.is_none() => {
                    bar.set_length(count as u64);
                    bar.set_style(style("{elapsed_precise} {bar:24} {pos}/{len} {wide_msg}"));
                }
                Some(_) | None => bar.set_style(style("{spinner} {elapsed_precise} {pos} requests, {wide_msg}")),
            }
            bar.reset_elapsed();
        }
    }

    pub(super) fn pulse(&self, pulse: &Pulse) {
        match self {
            Self::Bar(bar) => {
                bar.set_position(pulse.requests);
                bar.set_message(pulse.to_string());
            }
            Self::Lines => eprintln!("{:6.1} s  {pulse}", pulse.at.as_secs_f64()),
        }
    }

    pub(super) fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

impl fmt::Display for Pulse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Interval {
            ok,
            warm_hits,
            failed,
            latency,
        } = &self.interval;
        let rate = (ok + failed) as f64 / self.lasted.as_secs_f64().max(0.001);
        let [p50, p99] = [0.5, 0.99].map(|share| in_ms(latency.quantile_us(share)));
        write!(
            f,
            "{rate:.0} req/s, {} warm, p50 {p50}, p99 {p99}",
            percent(*warm_hits, *ok)
        )?;
        if *failed > 0 {
            write!(f, ", {failed} failed")?;
        }
        write!(f, ", {} moves, generation {}", self.moves, self.generation)
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates are written here")
}
