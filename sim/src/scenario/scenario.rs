//! The scenario: its text taken apart.

use std::time::Duration;

use super::parse_op::op;
use super::scenario_op::{PodSelector, ScenarioOp};
use super::scenario_runner::ScenarioRunner;
use super::setup::Setup;
use super::timed_op::TimedOp;
use super::word_reader::WordReader;
use super::{ScenarioError, ScenarioFault};

/// What there is, what happens, and what is expected to come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    setup: Setup,
    /// In the order of time; of the same time, in the order of their lines.
    steps: Vec<TimedOp>,
    /// All before the line of hyphens, as it was written.
    script: String,
    expected: String,
}

/// What parts the script from what is expected.
const LINE_OF_HYPHENS: &str = "---";

/// More steps are a slip in an `every`.
const STEPS_MAX: usize = 100_000;

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// Names the first line that is wrong, what is wrong with it, and what is allowed.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let (script, expected) = parts(text);
        let (mut setup, mut timed) = (Setup::default(), Vec::new());
        let mut last = 0;
        for (line, words) in lines(script) {
            last = line;
            let read = read_line(words, &mut setup);
            timed.extend(
                read.map_err(|fault| ScenarioError { line, fault })?
                    .map(|when| (line, when)),
            );
        }
        setup.check().map_err(|fault| ScenarioError { line: last, fault })?;
        let mut scenario = Self {
            steps: steps(timed, setup.run())?,
            setup,
            script: script.to_owned(),
            expected: expected.to_owned(),
        };
        scenario.steps.sort_by_key(|step| step.at);
        scenario.check_pods()?;
        Ok(scenario)
    }

    /// Plays it, and answers with the text of what came of it. `seed` takes the place of the scenario's own.
    #[must_use]
    pub fn run(&self, seed: Option<u64>) -> String {
        ScenarioRunner::new(&self.setup, seed.unwrap_or(self.setup.seed())).play(&self.steps)
    }

    /// What is expected to come of it.
    #[must_use]
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// The text of the same scenario that expects what came of it.
    #[must_use]
    pub fn with_expected(&self, outcome: &str) -> String {
        format!("{}{LINE_OF_HYPHENS}\n{outcome}", self.script)
    }

    /// Whether each pod that is named is there by then.
    fn check_pods(&self) -> Result<(), ScenarioError> {
        let mut count = self.setup.pod_count();
        for step in &self.steps {
            if let ScenarioOp::Strike {
                pods: PodSelector::Named(named),
                ..
            } = &step.op
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
                    return Err(ScenarioError { line: step.line, fault });
                }
            }
            count += step.op.joining_count();
        }
        Ok(())
    }
}

/// When something happens.
struct When {
    from: Duration,
    /// For what happens again and again: how often, and until when.
    again: Option<(Duration, Option<Duration>)>,
    op: ScenarioOp,
}

/// What stands before the line of hyphens, and after it.
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

/// The lines that say something, counted from 1.
fn lines(script: &str) -> impl Iterator<Item = (usize, WordReader<'_>)> {
    let lines = (1..).zip(script.lines());
    lines
        .filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
        .map(|(number, line)| (number, WordReader::of(line)))
}

fn read_line(mut words: WordReader<'_>, setup: &mut Setup) -> Result<Option<When>, ScenarioFault> {
    let when = if words.takes("at") {
        let from = words.duration()?;
        let op = op(&mut words)?;
        Some(When { from, again: None, op })
    } else if words.takes("every") {
        Some(every(&mut words)?)
    } else {
        setup.read(&mut words)?;
        None
    };
    words.end()?;
    Ok(when)
}

fn every(words: &mut WordReader<'_>) -> Result<When, ScenarioFault> {
    let allowed = "a time that is not 0";
    let interval = words.duration()?;
    if interval.is_zero() {
        return Err(super::word_reader::unexpected("0", allowed));
    }
    words.expect("from")?;
    let from = words.duration()?;
    let until = match words.takes("until") {
        true => Some(words.duration()?),
        false => None,
    };
    let op = op(words)?;
    Ok(When {
        from,
        again: Some((interval, until)),
        op,
    })
}

/// All steps up to the end; what would happen again after it does not.
fn steps(timed: Vec<(usize, When)>, run: Duration) -> Result<Vec<TimedOp>, ScenarioError> {
    let mut steps = Vec::new();
    for (line, When { from, again, op }) in timed {
        if from > run {
            let fault = ScenarioFault::Refused(format!("that is after the end, the scenario runs {run:?}"));
            return Err(ScenarioError { line, fault });
        }
        let (interval, until) = again.unwrap_or((Duration::MAX, None));
        let end = until.unwrap_or(run).min(run);
        let mut at = Some(from);
        while let Some(now) = at.filter(|at| *at <= end) {
            if steps.len() == STEPS_MAX {
                let fault = ScenarioFault::Refused(format!("more than {STEPS_MAX} things would happen"));
                return Err(ScenarioError { line, fault });
            }
            let op = op.clone();
            steps.push(TimedOp { at: now, op, line });
            at = now.checked_add(interval);
        }
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETUP: &str = "# Six pods.\npods 6\ncapacity 1000\nkeys 200 zipf 0.6\nload 3600\n";

    fn fault(rest: &str) -> String {
        Scenario::parse(&format!("{SETUP}{rest}")).unwrap_err().to_string()
    }

    #[test]
    fn a_mistake_is_answered_with_its_line_and_what_is_allowed() {
        for (rest, expected) in [
            (
                "run ten minutes",
                "line 6: \"ten\" is not understood here, write a time as 500ms, 30s, 2m or 1h",
            ),
            ("run 5m\npods 7", "line 7: pods was said before, say it once"),
            (
                "",
                "line 5: the scenario does not say how long it takes, add a line as \"run 10m\"",
            ),
            (
                "run 5m\nat 6m calm",
                "line 7: that is after the end, the scenario runs 300s",
            ),
            (
                "run 5m\nat 1m crash pod-6",
                "line 7: there is no pod-6 yet at that time, the pods are pod-0 to pod-5",
            ),
            (
                "run 5m\nat 1m crash pod-6\nat 1s add 1 pod\nfly away",
                "line 9: \"fly\" is not understood here",
            ),
            ("run 5m\nevery 0s from 1m calm", "line 7: \"0\" is not understood here"),
        ] {
            let found = fault(rest);
            assert!(found.starts_with(expected), "{rest:?}: {found}");
        }
    }

    #[test]
    fn what_happens_again_happens_until_the_end() {
        let text =
            format!("{SETUP}run 2m\nevery 30s from 1m calm\nat 90s change leader\nevery 5s from 1s until 8s calm\n");
        let scenario = Scenario::parse(&text).unwrap();
        let seconds: Vec<u64> = scenario.steps.iter().map(|step| step.at.as_secs()).collect();
        assert_eq!(seconds, [1, 6, 60, 90, 90, 120]);
    }

    #[test]
    fn what_is_expected_stands_below_a_line_of_hyphens() {
        let text = format!("{SETUP}run 2m\n---\ntimeline\n  a --- b\n");
        let scenario = Scenario::parse(&text).unwrap();
        assert_eq!(scenario.expected(), "timeline\n  a --- b\n");
        assert_eq!(scenario.with_expected(scenario.expected()), text);
    }
}
