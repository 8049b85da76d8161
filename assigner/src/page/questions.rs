//! The questions of an operator, from the most to the least urgent, and their answers in one sentence each.

use std::fmt;
use std::time::Duration;

use emberkeep_core::assigner::TargetState;
use emberkeep_core::assignment::SliceState;
use emberkeep_core::load::Load;
use emberkeep_core::quantity_text::{PerSecond, Percentage, ReadableDuration};
use emberkeep_proto::pb;
use serde::Serialize;
use tokio::time::Instant;

use super::pod_rows::PodRow;
use super::timeline::IncidentTimeline;

/// How long a failure is mentioned after it has been repaired.
const FAILURE_MEMORY: Duration = Duration::from_secs(300);
/// The period of the churn that the answer names.
const CHURN_PERIOD: Duration = Duration::from_secs(600);
/// The period without any moved load after which a target is calm.
const CALM_PERIOD: Duration = Duration::from_secs(60);
/// A most loaded pod with more than this, in thousandths of the mean, is worth mentioning even inside the band.
const UNEVEN_THOUSANDTHS: u64 = 1_250;
/// The most pods that a sentence names.
const NAMED_PODS_MAX: usize = 3;

/// One question with its answer.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct QuestionView {
    question: &'static str,
    pub(super) verdict: AnswerVerdict,
    /// The answer in a word or two.
    answer: &'static str,
    sentence: String,
}

/// Whether an operator has to act on an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum AnswerVerdict {
    /// As it should be.
    Good,
    /// Not known while nobody leads.
    Unknown,
    /// Something is going on that ends by itself.
    Notice,
    /// Keys have no owner, or pods have failed.
    Alarm,
}

/// The facts that answers are based on.
pub(super) struct QuestionInputs<'a> {
    pub(super) state: &'a TargetState,
    pub(super) activity: &'a pb::DescribeActivityResponse,
    pub(super) rows: &'a [PodRow],
    pub(super) timeline: &'a IncidentTimeline,
    /// Whether the activity comes from a leader.
    pub(super) is_led: bool,
    pub(super) now: Instant,
}

impl QuestionInputs<'_> {
    /// All questions, in the order of the page.
    pub(super) fn answers(&self) -> Vec<QuestionView> {
        vec![
            self.is_anyone_failed(),
            self.is_it_warm(),
            self.is_it_even(),
            self.is_it_calm(),
            self.why_not(),
        ]
    }

    fn is_anyone_failed(&self) -> QuestionView {
        let answered = |verdict, answer, sentence| QuestionView {
            question: "Is anyone failed?",
            verdict,
            answer,
            sentence,
        };
        let unserved = self.unserved_count();
        if unserved > 0 {
            let sentence = match self.rows.len() {
                0 => "no pod is registered: no key has an owner".to_owned(),
                _ => format!("{} without an owner", Counted(unserved, "slice")),
            };
            return answered(AnswerVerdict::Alarm, "yes", sentence);
        }
        let failed = self.pods_in(&["suspect"]);
        if !failed.is_empty() {
            let sentence = format!("{} suspected: heartbeats or the session are missing", listed(&failed));
            return answered(AnswerVerdict::Alarm, "yes", sentence);
        }
        if let Some(trouble) = self.activity.troubles.first() {
            return answered(AnswerVerdict::Alarm, "yes", trouble.clone());
        }
        if !self.is_led {
            let sentence = "no member leads, so nobody checks the pods; requests flow on the last assignment";
            return answered(AnswerVerdict::Unknown, "unknown", sentence.to_owned());
        }
        let awaited = self.pods_in(&["awaited"]);
        if !awaited.is_empty() {
            let sentence = format!("{} not connected to this leader yet", listed(&awaited));
            return answered(AnswerVerdict::Notice, "not sure", sentence);
        }
        match self.timeline.failure_within(FAILURE_MEMORY, self.now) {
            Some((text, age)) => {
                let sentence = format!("not now; {text} {} ago", ReadableDuration(whole_seconds(age)));
                answered(AnswerVerdict::Notice, "no longer", sentence)
            }
            None => {
                let sentence = format!("{} answer, every key has an owner", Counted(self.rows.len(), "pod"));
                answered(AnswerVerdict::Good, "no", sentence)
            }
        }
    }

    fn is_it_warm(&self) -> QuestionView {
        let moves = self.activity.moves.iter().filter_map(|moving| moving.warming.as_ref());
        let queued = moves.clone().filter(|warming| warming.is_queued).count();
        let shares: Vec<u64> = moves
            .filter(|warming| !warming.is_queued)
            .map(|warming| warming.heat_share_thousandths.into())
            .collect();
        let (verdict, answer, sentence) = match self.activity.move_count {
            0 => (
                AnswerVerdict::Good,
                "yes",
                "no slice is warming at a next owner".to_owned(),
            ),
            count => {
                let mut sentence = format!("{} warming at next owners", Counted(count, "slice"));
                if let Some(mean) = shares.iter().sum::<u64>().checked_div(shares.len() as u64) {
                    sentence.push_str(&format!(", {} warm on average", Percentage(mean)));
                }
                if queued > 0 {
                    sentence.push_str(&format!("; {queued} wait for a slot"));
                }
                (AnswerVerdict::Notice, "warming", sentence)
            }
        };
        QuestionView {
            question: "Is it warm?",
            verdict,
            answer,
            sentence,
        }
    }

    fn is_it_even(&self) -> QuestionView {
        let most = self
            .rows
            .iter()
            .filter_map(|row| Some((row.relative_thousandths?, row.name.as_str())))
            .max_by(|a, b| a.0.cmp(&b.0).then_with(|| b.1.cmp(a.1)));
        let awaited = self.pods_in(&["awaited"]);
        let (verdict, answer, sentence) = match most {
            _ if !awaited.is_empty() => (
                AnswerVerdict::Unknown,
                "unknown",
                format!("{} yet to report load to this leader", listed(&awaited)),
            ),
            None if !self.is_led => (
                AnswerVerdict::Unknown,
                "unknown",
                "only a leader knows the load of the pods".to_owned(),
            ),
            None => (AnswerVerdict::Good, "no load", "no pod has reported load".to_owned()),
            Some((thousandths, pod)) => {
                let upper = Load::from_milli(self.activity.band_upper_milli);
                let facts = format!("{pod} has the most load, {} the mean", Times(thousandths));
                match (self.is_above_band(), thousandths > UNEVEN_THOUSANDTHS) {
                    (true, _) => (
                        AnswerVerdict::Notice,
                        "no",
                        format!("{facts}, more than the {} that a pod should have", PerSecond(upper)),
                    ),
                    (false, true) => (
                        AnswerVerdict::Good,
                        "even enough",
                        format!("{facts}; slices move for balance only above {} a pod", PerSecond(upper)),
                    ),
                    (false, false) => (AnswerVerdict::Good, "yes", facts),
                }
            }
        };
        QuestionView {
            question: "Is it even?",
            verdict,
            answer,
            sentence,
        }
    }

    /// Whether a pod has more load than the balancer tolerates.
    fn is_above_band(&self) -> bool {
        let weight = |pod: &str| {
            let records = self.state.pods.values();
            let record = records.into_iter().find(|record| record.pod.name.as_str() == pod);
            record.map_or(1_000, |record| u128::from(record.pod.weight.thousandths()))
        };
        let upper = u128::from(self.activity.band_upper_milli);
        let pods = self.activity.pods.iter();
        pods.filter_map(|pod| Some((pod, u128::from(pod.planned_load_milli?))))
            .filter(|(_, planned)| *planned > upper)
            .any(|(pod, planned)| planned * 1_000 > upper * weight(&pod.pod))
    }

    fn is_it_calm(&self) -> QuestionView {
        let churn = self.timeline.churn_within(CHURN_PERIOD, self.now);
        let newest = self.timeline.churn_within(CALM_PERIOD, self.now);
        let is_moving = self.activity.move_count > 0 || newest.total() > 0;
        let share = |millionths: u64| Percentage(millionths / 1_000);
        let sentence = match churn.total() {
            0 => "no load has moved in ten minutes".to_owned(),
            moved => format!(
                "{} of the load moved in ten minutes, of it {} for balance; {} of that budget is used",
                share(moved),
                share(churn.voluntary),
                Percentage(self.activity.budget_used_thousandths)
            ),
        };
        let (verdict, answer) = match (is_moving, self.is_led) {
            (true, _) => (AnswerVerdict::Notice, "not yet"),
            (false, true) => (AnswerVerdict::Good, "yes"),
            (false, false) => (AnswerVerdict::Unknown, "unknown"),
        };
        QuestionView {
            question: "Is it calm?",
            verdict,
            answer,
            sentence,
        }
    }

    fn why_not(&self) -> QuestionView {
        let (verdict, answer) = match (self.is_led, self.state.is_frozen) {
            (false, _) => (AnswerVerdict::Unknown, "no leader"),
            (true, true) => (AnswerVerdict::Notice, "frozen"),
            (true, false) => (AnswerVerdict::Good, "because"),
        };
        QuestionView {
            question: "Why not?",
            verdict,
            answer,
            sentence: self.activity.status.clone(),
        }
    }

    fn unserved_count(&self) -> usize {
        let slices = self.state.assignment.slices().values();
        slices.filter(|slice| SliceState::is_unserved(slice)).count()
    }

    fn pods_in(&self, conditions: &[&str]) -> Vec<&str> {
        let is_in = |row: &&PodRow| conditions.contains(&row.condition.as_str());
        self.rows.iter().filter(is_in).map(|row| row.name.as_str()).collect()
    }
}

/// The worst of the answers.
pub(super) fn worst(answers: &[QuestionView]) -> AnswerVerdict {
    let verdicts = answers.iter().map(|answer| answer.verdict);
    verdicts.max().unwrap_or(AnswerVerdict::Unknown)
}

/// The names as the subject of a sentence.
fn listed(pods: &[&str]) -> String {
    let named = pods[..pods.len().min(NAMED_PODS_MAX)].join(", ");
    match (pods.len(), pods.len().saturating_sub(NAMED_PODS_MAX)) {
        (1, _) => format!("{named} is"),
        (_, 0) => format!("{named} are"),
        (_, more) => format!("{named} and {more} more are"),
    }
}

fn whole_seconds(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs())
}

/// Prints a number with its noun: `1 slice`, `2 slices`.
struct Counted<N>(N, &'static str);

impl<N: fmt::Display + PartialEq + TryFrom<u8>> fmt::Display for Counted<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_one = N::try_from(1).is_ok_and(|one| one == self.0);
        write!(f, "{} {}{}", self.0, self.1, if is_one { "" } else { "s" })
    }
}

/// Prints thousandths as a factor: `1.04 times`.
struct Times(u64);

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02} times", self.0 / 1_000, self.0 % 1_000 / 10)
    }
}
