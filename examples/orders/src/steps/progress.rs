//! The progress of a workflow, and its next action.

use serde::{Deserialize, Serialize};

use super::plan::StepPlan;
use super::step_error::StepError;
use super::unix_time::UnixTime;

/// The progress of the workflow of a key, stored as part of the key's value.
///
/// ```text
/// Running --last step done--> Finished
///    |
///    +--step failed permanently, steps to undo--> Undoing --last undo done--> Cancelled
///    |                                                                           ^
///    +--step failed permanently, nothing to undo---------------------------------+
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepProgress {
    stage: WorkStage,
    done: Vec<DoneStep>,
    undone: Vec<String>,
    /// Consecutive failures of the due call.
    failure_count: u32,
    /// The earliest time of the due call.
    due_at: UnixTime,
}

/// The stage of a workflow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum WorkStage {
    /// Steps are executed in order.
    #[default]
    Running,
    /// A step has failed permanently, and completed steps are being undone.
    Undoing {
        /// The steps still to undo, the next one last.
        left: Vec<String>,
        /// The failed step and its error.
        because: String,
    },
    /// All steps have been executed.
    Finished,
    /// A step has failed permanently, and all completed steps are undone.
    Cancelled {
        /// The failed step and its error.
        because: String,
    },
}

/// A completed step, with the reply to its call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoneStep {
    /// The name of the step.
    pub step: String,
    /// The reply of the outside service.
    pub returned: String,
}

/// The next action of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextAction {
    /// Make this call and record its outcome.
    Call(StepCall),
    /// Wait until this time, when a call becomes due.
    WaitUntil(UnixTime),
    /// No action: the workflow has ended.
    Over,
}

/// One call to an outside service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepCall {
    /// The name of the step.
    pub step: String,
    /// Whether the call executes or undoes the step.
    pub kind: CallKind,
    /// Earlier consecutive failures of this call.
    pub failure_count: u32,
}

/// The direction of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// Executes the step, with the idempotency key `{key}/{step}`.
    Do,
    /// Undoes the step, with the idempotency key `{key}/{step}/undo`.
    Undo,
}

impl StepCall {
    /// The idempotency key of the call: the same for every attempt by any pod.
    #[must_use]
    pub fn idempotency_key(&self, key: &str) -> String {
        match self.kind {
            CallKind::Do => format!("{key}/{}", self.step),
            CallKind::Undo => format!("{key}/{}/undo", self.step),
        }
    }
}

impl StepProgress {
    /// The current stage, with its remaining steps or its outcome.
    #[must_use]
    pub const fn stage(&self) -> &WorkStage {
        &self.stage
    }

    /// The completed steps in order, including those undone later.
    #[must_use]
    pub fn done(&self) -> &[DoneStep] {
        &self.done
    }

    /// The undone steps, in the order in which they were undone.
    #[must_use]
    pub fn undone(&self) -> &[String] {
        &self.undone
    }

    /// The reply to a completed step.
    #[must_use]
    pub fn returned_by(&self, step: &str) -> Option<&str> {
        let done = self.done.iter().find(|done| done.step == step)?;
        Some(&done.returned)
    }

    /// The next action at time `now`.
    #[must_use]
    pub fn next(&self, plan: &StepPlan, now: UnixTime) -> NextAction {
        match self.due(plan) {
            None => NextAction::Over,
            Some(_) if now < self.due_at => NextAction::WaitUntil(self.due_at),
            Some(call) => NextAction::Call(call),
        }
    }

    /// The progress after a call; `None` if the call is no longer due, because another pod has recorded its outcome meanwhile.
    #[must_use]
    pub fn with_outcome(
        &self,
        plan: &StepPlan,
        call: &StepCall,
        outcome: &Result<String, StepError>,
        now: UnixTime,
    ) -> Option<Self> {
        let due = self.due(plan)?;
        let is_due = due.step == call.step && due.kind == call.kind;
        // A late success still counts; a failure of the same attempt in two pods counts once.
        if !is_due || (outcome.is_err() && due.failure_count != call.failure_count) {
            return None;
        }
        Some(match (call.kind, outcome) {
            // ## Running -> Running or Finished: the step is done
            (CallKind::Do, Ok(returned)) => self.with_done(plan, &call.step, returned),
            // ## Running -> Running (retry), Undoing or Cancelled: the step failed
            (CallKind::Do, Err(failure)) => self.with_failed(plan, &call.step, failure, now),
            // ## Undoing -> Undoing or Cancelled: the step is undone
            (CallKind::Undo, Ok(_)) => self.with_undone(&call.step),
            // ## Undoing -> Undoing: the undo is retried
            (CallKind::Undo, Err(_)) => {
                let delay = plan.retries().undo_delay_after(self.failure_count.saturating_add(1));
                self.retry_at(now + delay)
            }
        })
    }

    /// The call that is due now or later; `None` at the end.
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
            // A rejected step took no effect, so there is nothing of it to undo.
            StepError::Rejected(_) => self.undoing(plan, None, because),
            StepError::Transient(_) => match plan.retries().delay_after(self.failure_count.saturating_add(1)) {
                Some(delay) => self.retry_at(now + delay),
                // The step may have taken effect if only its reply was lost, so it is undone as well.
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

    fn retry_at(&self, due_at: UnixTime) -> Self {
        Self {
            failure_count: self.failure_count.saturating_add(1),
            due_at,
            ..self.clone()
        }
    }

    /// Enters a stage or the next step: its call is due at once, without failures so far.
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

    /// The calls of a workflow with these outcomes: `+` success, `~` transient error, `!` rejection.
    fn story(outcomes: &str) -> String {
        let (plan, mut progress, mut now) = (plan(), StepProgress::default(), UnixTime::default());
        let mut story = Vec::new();
        for outcome in outcomes.chars() {
            if let NextAction::WaitUntil(due_at) = progress.next(&plan, now) {
                story.push(format!("wait {}", due_at.since(now).as_millis()));
                now = due_at;
            }
            let NextAction::Call(call) = progress.next(&plan, now) else {
                panic!("{story:?}, then no call");
            };
            story.push(format!("{}{outcome}", call.idempotency_key("o")));
            progress = progress.with_outcome(&plan, &call, &outcome_of(outcome), now).unwrap();
        }
        story.push(format!("{:?}", progress.stage()));
        story.join(", ")
    }

    fn outcome_of(mark: char) -> Result<String, StepError> {
        match mark {
            '+' => Ok("fine".to_owned()),
            '~' => Err(StepError::Transient("busy".to_owned())),
            _ => Err(StepError::Rejected("no".to_owned())),
        }
    }

    #[test]
    fn steps_are_executed_in_order_until_the_workflow_is_finished() {
        assert_eq!(story("+++"), "o/reserve+, o/charge+, o/ship+, Finished");
    }

    #[test]
    fn a_transient_failure_is_retried_and_failures_are_counted_per_step() {
        assert_eq!(
            story("~+~~++"),
            "o/reserve~, wait 10, o/reserve+, o/charge~, wait 10, o/charge~, wait 50, o/charge+, o/ship+, Finished"
        );
    }

    #[test]
    fn a_rejection_undoes_the_completed_steps_with_an_undo_in_reverse() {
        assert_eq!(
            story("++!+"),
            "o/reserve+, o/charge+, o/ship!, o/reserve/undo+, Cancelled { because: \"ship: no\" }"
        );
        assert_eq!(story("!"), "o/reserve!, Cancelled { because: \"reserve: no\" }");
    }

    #[test]
    fn a_step_that_failed_permanently_is_undone_too_because_it_may_have_taken_effect() {
        assert_eq!(
            story("++~~~++"),
            "o/reserve+, o/charge+, o/ship~, wait 10, o/ship~, wait 50, o/ship~, o/ship/undo+, o/reserve/undo+, \
             Cancelled { because: \"ship: busy\" }"
        );
    }

    #[test]
    fn an_undo_is_retried_without_end() {
        assert_eq!(
            story("+!~!~~+"),
            "o/reserve+, o/charge!, o/reserve/undo~, wait 10, o/reserve/undo!, wait 50, o/reserve/undo~, wait 50, \
             o/reserve/undo~, wait 50, o/reserve/undo+, Cancelled { because: \"charge: no\" }"
        );
    }

    #[test]
    fn one_outcome_counts_if_two_pods_make_the_same_call() {
        let (plan, now) = (plan(), UnixTime::default());
        let fresh = StepProgress::default();
        let NextAction::Call(call) = fresh.next(&plan, now) else {
            panic!("no call is due");
        };
        let failed = fresh.with_outcome(&plan, &call, &outcome_of('~'), now).unwrap();
        assert_eq!(
            failed.with_outcome(&plan, &call, &outcome_of('~'), now),
            None,
            "counted once"
        );
        let done = failed.with_outcome(&plan, &call, &outcome_of('+'), now).unwrap();
        assert_eq!(
            done.with_outcome(&plan, &call, &outcome_of('!'), now),
            None,
            "already done"
        );
    }

    #[test]
    fn progress_survives_serialization() {
        let plan = plan();
        let NextAction::Call(call) = StepProgress::default().next(&plan, UnixTime::default()) else {
            panic!("no call is due");
        };
        let progress = StepProgress::default().with_outcome(&plan, &call, &outcome_of('+'), UnixTime::default());
        let text = serde_json::to_string(&progress).unwrap();
        assert_eq!(serde_json::from_str::<Option<StepProgress>>(&text).unwrap(), progress);
    }
}
