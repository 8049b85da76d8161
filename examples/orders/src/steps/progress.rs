//! StepProgress: how far the work on a key has come, and what is next.

use serde::{Deserialize, Serialize};

use super::plan::StepPlan;
use super::step_error::StepError;
use super::unix_time::UnixTime;

/// How far the work on a key has come: a part of the key's value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepProgress {
    stage: WorkStage,
    done: Vec<DoneStep>,
    undone: Vec<String>,
    /// How often the call that is due has failed.
    failure_count: u32,
    /// When it is to be made.
    due_at: UnixTime,
}

/// Where the work is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum WorkStage {
    /// Steps are being done.
    #[default]
    Running,
    /// A step has failed, and what was done is being undone.
    Undoing {
        /// The steps that are to be undone, the next one last.
        left: Vec<String>,
        /// Which step failed, and why.
        because: String,
    },
    /// All steps are done.
    Finished,
    /// A step has failed, and all is undone.
    Cancelled {
        /// Which step failed, and why.
        because: String,
    },
}

/// A step that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoneStep {
    /// Its name.
    pub step: String,
    /// What the outside service answered.
    pub returned: String,
}

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextAction {
    /// Make this call, and note what comes of it.
    Call(StepCall),
    /// Nothing before then.
    WaitUntil(UnixTime),
    /// Nothing: the work is over.
    Over,
}

/// One call of an outside service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepCall {
    /// The step it is for.
    pub step: String,
    /// Whether it does the step or undoes it.
    pub kind: CallKind,
    /// How often it has failed before.
    pub failure_count: u32,
}

/// What a call does to its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// It does the step.
    Do,
    /// It undoes the step.
    Undo,
}

impl StepCall {
    /// What the outside service tells calls apart by: the same for each try, whoever makes it.
    #[must_use]
    pub fn idempotency_key(&self, key: &str) -> String {
        match self.kind {
            CallKind::Do => format!("{key}/{}", self.step),
            CallKind::Undo => format!("{key}/{}/undo", self.step),
        }
    }
}

impl StepProgress {
    /// Where the work is.
    #[must_use]
    pub const fn stage(&self) -> &WorkStage {
        &self.stage
    }

    /// The steps that were done, in order, whether or not they were undone later.
    #[must_use]
    pub fn done(&self) -> &[DoneStep] {
        &self.done
    }

    /// The steps that were undone, in the order in which they were.
    #[must_use]
    pub fn undone(&self) -> &[String] {
        &self.undone
    }

    /// What a step that is done returned.
    #[must_use]
    pub fn returned_by(&self, step: &str) -> Option<&str> {
        let done = self.done.iter().find(|done| done.step == step)?;
        Some(&done.returned)
    }

    /// What is to be done now.
    #[must_use]
    pub fn next(&self, plan: &StepPlan, now: UnixTime) -> NextAction {
        match self.due(plan) {
            None => NextAction::Over,
            Some(_) if now < self.due_at => NextAction::WaitUntil(self.due_at),
            Some(call) => NextAction::Call(call),
        }
    }

    /// The progress once it is known what came of a call; `None` if the call was not due any more, because another pod has
    /// noted the same call meanwhile.
    #[must_use]
    pub fn noting(
        &self,
        plan: &StepPlan,
        call: &StepCall,
        outcome: &Result<String, StepError>,
        now: UnixTime,
    ) -> Option<Self> {
        let due = self.due(plan)?;
        let is_due = due.step == call.step && due.kind == call.kind;
        // A success counts whenever it comes; of a failure that two pods had at once, one counts.
        if !is_due || (outcome.is_err() && due.failure_count != call.failure_count) {
            return None;
        }
        Some(match (call.kind, outcome) {
            (CallKind::Do, Ok(returned)) => self.with_done(plan, &call.step, returned),
            (CallKind::Do, Err(failure)) => self.with_failed(plan, &call.step, failure, now),
            (CallKind::Undo, Ok(_)) => self.with_undone(&call.step),
            (CallKind::Undo, Err(_)) => {
                let delay = plan.retries().undo_delay_after(self.failure_count.saturating_add(1));
                self.again_at(now + delay)
            }
        })
    }

    /// The call that is due now or later.
    fn due(&self, plan: &StepPlan) -> Option<StepCall> {
        let (step, kind) = match &self.stage {
            WorkStage::Running => (self.first_not_done(plan)?, CallKind::Do),
            WorkStage::Undoing { left, .. } => (left.last()?.as_str(), CallKind::Undo),
            WorkStage::Finished | WorkStage::Cancelled { .. } => return None,
        };
        Some(StepCall {
            step: step.to_owned(),
            kind,
            failure_count: self.failure_count,
        })
    }

    fn first_not_done<'a>(&self, plan: &'a StepPlan) -> Option<&'a str> {
        plan.names().find(|name| self.returned_by(name).is_none())
    }

    fn with_done(&self, plan: &StepPlan, step: &str, returned: &str) -> Self {
        let mut next = self.at_stage(WorkStage::Running);
        next.done.push(DoneStep {
            step: step.to_owned(),
            returned: returned.to_owned(),
        });
        if next.first_not_done(plan).is_none() {
            next.stage = WorkStage::Finished;
        }
        next
    }

    fn with_failed(&self, plan: &StepPlan, step: &str, failure: &StepError, now: UnixTime) -> Self {
        let because = format!("{step}: {failure}");
        match failure {
            // A refused step has no effect: there is nothing of it to undo.
            StepError::Rejected(_) => self.undoing(plan, None, because),
            StepError::Transient(_) => match plan.retries().delay_after(self.failure_count.saturating_add(1)) {
                Some(delay) => self.again_at(now + delay),
                // A reply may have got lost, so that the step has had its effect after all.
                None => self.undoing(plan, Some(step), because),
            },
        }
    }

    fn undoing(&self, plan: &StepPlan, in_doubt: Option<&str>, because: String) -> Self {
        let done = self.done.iter().map(|done| done.step.as_str());
        let left: Vec<String> = done
            .chain(in_doubt)
            .filter(|step| plan.may_be_undone(step))
            .map(str::to_owned)
            .collect();
        self.at_stage(undoing_or_cancelled(left, because))
    }

    fn with_undone(&self, step: &str) -> Self {
        let mut next = self.clone();
        next.undone.push(step.to_owned());
        if let WorkStage::Undoing { mut left, because } = next.stage.clone() {
            left.pop();
            next = next.at_stage(undoing_or_cancelled(left, because));
        }
        next
    }

    fn again_at(&self, due_at: UnixTime) -> Self {
        Self {
            failure_count: self.failure_count.saturating_add(1),
            due_at,
            ..self.clone()
        }
    }

    /// The next call is due at once, for the first time.
    fn at_stage(&self, stage: WorkStage) -> Self {
        Self {
            stage,
            failure_count: 0,
            due_at: UnixTime::default(),
            ..self.clone()
        }
    }
}

fn undoing_or_cancelled(left: Vec<String>, because: String) -> WorkStage {
    match left.is_empty() {
        true => WorkStage::Cancelled { because },
        false => WorkStage::Undoing { left, because },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::steps::Retries;

    const SHOP: &[&str] = &["reserve", "charge", "ship"];

    fn plan() -> StepPlan {
        let retries = Retries {
            delays: vec![Duration::from_millis(10), Duration::from_millis(50)],
        };
        let plan = StepPlan::new(retries);
        SHOP.iter().fold(plan, |plan, step| plan.then(*step, *step != "charge"))
    }

    /// What happens, call by call, to work whose calls turn out like that: `+` succeeds, `~` fails for now, `!` is refused.
    fn story(outcomes: &str) -> String {
        let (plan, mut progress, mut now) = (plan(), StepProgress::default(), UnixTime::default());
        let mut told = Vec::new();
        for outcome in outcomes.chars() {
            if let NextAction::WaitUntil(due_at) = progress.next(&plan, now) {
                told.push(format!("wait {}", due_at.since(now).as_millis()));
                now = due_at;
            }
            let NextAction::Call(call) = progress.next(&plan, now) else {
                panic!("{told:?} and then no call");
            };
            told.push(format!("{}{outcome}", call.idempotency_key("o")));
            progress = progress.noting(&plan, &call, &outcome_of(outcome), now).unwrap();
        }
        told.push(format!("{:?}", progress.stage()));
        told.join(", ")
    }

    fn outcome_of(mark: char) -> Result<String, StepError> {
        match mark {
            '+' => Ok("fine".to_owned()),
            '~' => Err(StepError::Transient("busy".to_owned())),
            _ => Err(StepError::Rejected("no".to_owned())),
        }
    }

    #[test]
    fn steps_are_done_in_order_and_then_it_is_finished() {
        assert_eq!(story("+++"), "o/reserve+, o/charge+, o/ship+, Finished");
    }

    #[test]
    fn a_failure_that_may_pass_is_tried_again_by_the_delays_of_its_step_alone() {
        assert_eq!(
            story("~+~~++"),
            "o/reserve~, wait 10, o/reserve+, o/charge~, wait 10, o/charge~, wait 50, o/charge+, o/ship+, Finished"
        );
    }

    #[test]
    fn a_refusal_undoes_at_once_what_was_done_and_can_be_undone_in_reverse() {
        assert_eq!(
            story("++!+"),
            "o/reserve+, o/charge+, o/ship!, o/reserve/undo+, Cancelled { because: \"ship: no\" }"
        );
        assert_eq!(story("!"), "o/reserve!, Cancelled { because: \"reserve: no\" }");
    }

    #[test]
    fn a_step_that_failed_for_good_is_undone_too_since_it_may_have_had_its_effect() {
        assert_eq!(
            story("++~~~++"),
            "o/reserve+, o/charge+, o/ship~, wait 10, o/ship~, wait 50, o/ship~, o/ship/undo+, o/reserve/undo+, \
             Cancelled { because: \"ship: busy\" }"
        );
    }

    #[test]
    fn an_undo_is_never_given_up() {
        assert_eq!(
            story("+!~!~~+"),
            "o/reserve+, o/charge!, o/reserve/undo~, wait 10, o/reserve/undo!, wait 50, o/reserve/undo~, wait 50, \
             o/reserve/undo~, wait 50, o/reserve/undo+, Cancelled { because: \"charge: no\" }"
        );
    }

    #[test]
    fn of_two_pods_that_make_the_same_call_one_note_counts() {
        let (plan, now) = (plan(), UnixTime::default());
        let fresh = StepProgress::default();
        let NextAction::Call(call) = fresh.next(&plan, now) else {
            panic!("nothing to do");
        };
        let failed = fresh.noting(&plan, &call, &outcome_of('~'), now).unwrap();
        assert_eq!(failed.noting(&plan, &call, &outcome_of('~'), now), None, "counted once");
        let done = failed.noting(&plan, &call, &outcome_of('+'), now).unwrap();
        assert_eq!(done.noting(&plan, &call, &outcome_of('!'), now), None, "it is done");
    }

    #[test]
    fn progress_survives_being_written_and_read() {
        let plan = plan();
        let NextAction::Call(call) = StepProgress::default().next(&plan, UnixTime::default()) else {
            panic!("nothing to do");
        };
        let progress = StepProgress::default().noting(&plan, &call, &outcome_of('+'), UnixTime::default());
        let text = serde_json::to_string(&progress).unwrap();
        assert_eq!(serde_json::from_str::<Option<StepProgress>>(&text).unwrap(), progress);
    }
}
