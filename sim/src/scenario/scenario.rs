//! A parsed scenario: its setup, its operations and the expected outcome.

use std::time::Duration;

use super::parse_op::parse_op;
use super::scenario_op::{PodSelector, ScenarioOp};
use super::scenario_runner::ScenarioRunner;
use super::setup::Setup;
use super::timed_op::TimedOp;
use super::word_reader::WordReader;
use super::{ScenarioError, ScenarioFault};
use crate::chart::{ChartTexts, RunChart};

/// The setup of a cluster, operations on it, and the expected outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    setup: Setup,
    /// Ordered by time, those of the same time by line.
    ops: Vec<TimedOp>,
    /// The text above the line of hyphens, unchanged.
    script: String,
    expected: String,
}

/// Separates the script from the expected outcome.
const LINE_OF_HYPHENS: &str = "---";

/// More operations are a mistake in an `every` line.
const OPS_MAX: usize = 100_000;

impl Scenario {
    /// Parses a scenario.
    ///
    /// # Errors
    /// The first error, with its line and what is allowed there.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let (script, expected) = parts(text);
        let (mut setup, mut timed) = (Setup::default(), Vec::new());
        let mut last = 0;
        for (line, reader) in lines(script) {
            last = line;
            let read = read_line(reader, &mut setup);
            timed.extend(
                read.map_err(|fault| ScenarioError { line, fault })?
                    .map(|when| (line, when)),
            );
        }
        setup.check().map_err(|fault| ScenarioError { line: last, fault })?;
        let mut scenario = Self {
            ops: expanded(timed, setup.run())?,
            setup,
            script: script.to_owned(),
            expected: expected.to_owned(),
        };
        scenario.ops.sort_by_key(|timed| timed.at);
        scenario.check_pods()?;
        Ok(scenario)
    }

    /// Runs the scenario and returns the text of its outcome. `seed` replaces that of the scenario.
    #[must_use]
    pub fn run(&self, seed: Option<u64>) -> String {
        ScenarioRunner::new(&self.setup, seed.unwrap_or(self.setup.seed())).run(&self.ops)
    }

    /// Runs the scenario and returns the text of its outcome, which is that of [`Self::run`], and its chart under that title.
    #[must_use]
    pub fn run_with_chart(&self, seed: Option<u64>, title: &str) -> (String, RunChart) {
        let seed = seed.unwrap_or(self.setup.seed());
        let comments = self.script.lines().map_while(|line| line.strip_prefix('#'));
        let texts = ChartTexts {
            title: title.to_owned(),
            lead: comments.map(str::trim).collect::<Vec<_>>().join(" "),
            is_violated: false,
            seed,
            script: self.script.clone(),
            summary: String::new(),
            watch_from_ms: u64::try_from(self.setup.watch_from().as_millis()).unwrap_or(u64::MAX),
        };
        ScenarioRunner::new(&self.setup, seed).run_with_chart(&self.ops, texts)
    }

    /// The expected outcome: the text below the line of hyphens.
    #[must_use]
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// The text of this scenario with `outcome` as the expected one.
    #[must_use]
    pub fn with_expected(&self, outcome: &str) -> String {
        format!("{}{LINE_OF_HYPHENS}\n{outcome}", self.script)
    }

    /// Checks that each named pod exists at the time of its operation.
    fn check_pods(&self) -> Result<(), ScenarioError> {
        let mut count = self.setup.pod_count();
        for timed in &self.ops {
            if let ScenarioOp::Inject {
                pods: PodSelector::Named(named),
                ..
            } = &timed.op
            {
                let number = |pod: &str| pod.strip_prefix("pod-").and_then(|number| number.parse::<u64>().ok());
                let unknown = named
                    .iter()
                    .find(|pod| number(pod.as_str()).is_none_or(|number| number >= count));
                if let Some(unknown) = unknown {
                    let fault = ScenarioFault::UnknownPod {
                        pod: unknown.to_string(),
                        last: count.saturating_sub(1),
                    };
                    return Err(ScenarioError {
                        line: timed.line,
                        fault,
                    });
                }
            }
            count += timed.op.joining_count();
        }
        Ok(())
    }
}

/// The operation of one line and its times.
struct OpLine {
    from: Duration,
    /// For `every`: the interval, and the last time.
    repeats: Option<(Duration, Option<Duration>)>,
    op: ScenarioOp,
}

/// The text above and below the line of hyphens.
fn parts(text: &str) -> (&str, &str) {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        if line.trim_end() == LINE_OF_HYPHENS {
            return (&text[..start], &text[end..]);
        }
        start = end;
    }
    (text, "")
}

/// All lines but blank ones and comments, counted from 1.
fn lines(script: &str) -> impl Iterator<Item = (usize, WordReader<'_>)> {
    let lines = (1..).zip(script.lines());
    lines
        .filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
        .map(|(number, line)| (number, WordReader::of(line)))
}

fn read_line(mut reader: WordReader<'_>, setup: &mut Setup) -> Result<Option<OpLine>, ScenarioFault> {
    let when = if reader.accept("at") {
        let from = reader.duration()?;
        let op = parse_op(&mut reader)?;
        Some(OpLine {
            from,
            repeats: None,
            op,
        })
    } else if reader.accept("every") {
        Some(every(&mut reader)?)
    } else {
        setup.read(&mut reader)?;
        None
    };
    reader.end()?;
    Ok(when)
}

fn every(reader: &mut WordReader<'_>) -> Result<OpLine, ScenarioFault> {
    let allowed = "a time above 0";
    let interval = reader.duration()?;
    if interval.is_zero() {
        return Err(super::word_reader::unexpected("0", allowed));
    }
    reader.expect("from")?;
    let from = reader.duration()?;
    let until = match reader.accept("until") {
        true => Some(reader.duration()?),
        false => None,
    };
    let op = parse_op(reader)?;
    Ok(OpLine {
        from,
        repeats: Some((interval, until)),
        op,
    })
}

/// The operations of all lines up to the end of the run, with repetitions expanded.
fn expanded(timed: Vec<(usize, OpLine)>, run: Duration) -> Result<Vec<TimedOp>, ScenarioError> {
    let mut ops = Vec::new();
    for (line, OpLine { from, repeats, op }) in timed {
        if from > run {
            let fault = ScenarioFault::Refused(format!("the time is after the end of the run at {run:?}"));
            return Err(ScenarioError { line, fault });
        }
        let (interval, until) = repeats.unwrap_or((Duration::MAX, None));
        let end = until.unwrap_or(run).min(run);
        let mut at = Some(from);
        while let Some(now) = at.filter(|at| *at <= end) {
            if ops.len() == OPS_MAX {
                let fault = ScenarioFault::Refused(format!("more than {OPS_MAX} operations"));
                return Err(ScenarioError { line, fault });
            }
            let op = op.clone();
            ops.push(TimedOp { at: now, op, line });
            at = now.checked_add(interval);
        }
    }
    Ok(ops)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETUP: &str = "# Six pods.\npods 6\ncapacity 1000\nkeys 200 zipf 0.6\nload 3600\n";

    fn fault(rest: &str) -> String {
        Scenario::parse(&format!("{SETUP}{rest}")).unwrap_err().to_string()
    }

    #[test]
    fn an_error_states_its_line_and_what_is_allowed() {
        for (rest, expected) in [
            (
                "run ten minutes",
                "line 6: unexpected \"ten\", expected a time as 500ms, 30s, 2m or 1h",
            ),
            ("run 5m\npods 7", "line 7: duplicate pods, it may be set only once"),
            (
                "",
                "line 5: the scenario does not set the length of the run, add a line such as \"run 10m\"",
            ),
            (
                "run 5m\nat 6m calm",
                "line 7: the time is after the end of the run at 300s",
            ),
            (
                "run 5m\nat 1m crash pod-6",
                "line 7: pod-6 does not exist at that time, the pods are pod-0 to pod-5",
            ),
            (
                "run 5m\nat 1m crash pod-6\nat 1s add 1 pod\nfly away",
                "line 9: unexpected \"fly\"",
            ),
            (
                "run 5m\nevery 0s from 1m calm",
                "line 7: unexpected \"0\", expected a time above 0",
            ),
        ] {
            let found = fault(rest);
            assert!(found.starts_with(expected), "{rest:?}: {found}");
        }
    }

    #[test]
    fn a_repeated_operation_runs_until_its_end() {
        let text =
            format!("{SETUP}run 2m\nevery 30s from 1m calm\nat 90s change leader\nevery 5s from 1s until 8s calm\n");
        let scenario = Scenario::parse(&text).unwrap();
        let seconds: Vec<u64> = scenario.ops.iter().map(|timed| timed.at.as_secs()).collect();
        assert_eq!(seconds, [1, 6, 60, 90, 90, 120]);
    }

    #[test]
    fn the_expected_outcome_is_the_text_below_the_line_of_hyphens() {
        let text = format!("{SETUP}run 2m\n---\ntimeline\n  a --- b\n");
        let scenario = Scenario::parse(&text).unwrap();
        assert_eq!(scenario.expected(), "timeline\n  a --- b\n");
        assert_eq!(scenario.with_expected(scenario.expected()), text);
    }
}
