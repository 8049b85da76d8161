//! Durable steps under failures, lost replies, lost records, and pods with outdated records, in any combination.

use std::collections::BTreeMap;
use std::time::Duration;

use emberkeep_example_orders::steps::{
    CallKind, NextAction, Retries, StepCall, StepError, StepPlan, StepProgress, UnixTime, WorkStage,
};
use proptest::prelude::*;

/// One call by some pod, and its outcome.
#[derive(Debug, Clone)]
struct CallAttempt {
    /// The age of the pod's progress: the number of newer records.
    behind: usize,
    fate: CallFate,
    /// The pod crashes before it has recorded the outcome.
    is_note_lost: bool,
}

#[derive(Debug, Clone, Copy)]
enum CallFate {
    Answered,
    FailsBefore,
    ReplyLost,
    Refused,
}

/// An external service with the properties that [`emberkeep_example_orders::steps`] requires.
#[derive(Debug, Default)]
struct PartnerService {
    settled: BTreeMap<String, Settled>,
    /// All effects, in order.
    effects: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Settled {
    Effect,
    Refusal,
}

impl PartnerService {
    fn answer(&mut self, call: &StepCall, fate: CallFate) -> Result<String, StepError> {
        let key = call.idempotency_key("o");
        let passing = || StepError::Transient("busy".to_owned());
        if matches!(fate, CallFate::FailsBefore) {
            return Err(passing());
        }
        let wanted = match (fate, call.kind) {
            (CallFate::Refused, CallKind::Do) => Settled::Refusal,
            _ => Settled::Effect,
        };
        if call.kind == CallKind::Undo {
            let undone = key.trim_end_matches("/undo").to_owned();
            self.settled.entry(undone).or_insert(Settled::Refusal);
        }
        let is_new = !self.settled.contains_key(&key);
        let settled = *self.settled.entry(key.clone()).or_insert(wanted);
        if is_new && settled == Settled::Effect {
            self.effects.push(key);
        }
        match (fate, settled) {
            (CallFate::ReplyLost, _) => Err(passing()),
            (_, Settled::Effect) => Ok("fine".to_owned()),
            (_, Settled::Refusal) => Err(StepError::Rejected("no".to_owned())),
        }
    }
}

fn plan() -> StepPlan {
    let retries = Retries {
        delays: vec![Duration::from_millis(10), Duration::from_millis(50)],
    };
    StepPlan::new(retries)
        .then("reserve", true)
        .then("notify", false)
        .then("charge", true)
        .then("ship", true)
}

/// One order with all records ever written, the newest last.
struct OrderSimulation {
    plan: StepPlan,
    service: PartnerService,
    notes: Vec<StepProgress>,
    now: UnixTime,
}

impl OrderSimulation {
    fn new() -> Self {
        Self {
            plan: plan(),
            service: PartnerService::default(),
            notes: vec![StepProgress::default()],
            now: UnixTime::default(),
        }
    }

    fn newest(&self) -> &StepProgress {
        self.notes.last().unwrap()
    }

    fn attempt(&mut self, attempt: &CallAttempt) {
        let known = &self.notes[self.notes.len().saturating_sub(1 + attempt.behind)];
        if let NextAction::WaitUntil(due_at) = known.next(&self.plan, self.now) {
            self.now = due_at;
        }
        let NextAction::Call(call) = known.next(&self.plan, self.now) else {
            return;
        };
        let outcome = self.service.answer(&call, attempt.fate);
        let noted = self.newest().with_outcome(&self.plan, &call, &outcome, self.now);
        self.notes.extend(noted.filter(|_| !attempt.is_note_lost));
    }

    /// Runs the remaining steps without failures.
    fn finish(&mut self) {
        let success = CallAttempt {
            behind: 0,
            fate: CallFate::Answered,
            is_note_lost: false,
        };
        for _ in 0..20 {
            self.attempt(&success);
        }
        assert_eq!(self.newest().next(&self.plan, self.now), NextAction::Over);
    }

    fn done(&self) -> Vec<&str> {
        let keys = self.service.effects.iter().filter(|key| !key.ends_with("/undo"));
        keys.map(String::as_str).collect()
    }

    fn undone(&self) -> Vec<&str> {
        let keys = self.service.effects.iter();
        keys.filter_map(|key| key.strip_suffix("/undo")).collect()
    }
}

fn attempts() -> impl Strategy<Value = Vec<CallAttempt>> {
    let fate = prop_oneof![
        6 => Just(CallFate::Answered),
        2 => Just(CallFate::FailsBefore),
        2 => Just(CallFate::ReplyLost),
        1 => Just(CallFate::Refused),
    ];
    let behind = prop_oneof![4 => Just(0usize), 1 => 1..4usize];
    let attempt = (behind, fate, prop::bool::weighted(0.25)).prop_map(|(behind, fate, is_note_lost)| CallAttempt {
        behind,
        fate,
        is_note_lost,
    });
    prop::collection::vec(attempt, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn with_any_failures_and_crashes_all_steps_are_done_once_or_undone_in_reverse(attempts in attempts()) {
        let mut order = OrderSimulation::new();
        for attempt in &attempts {
            order.attempt(attempt);
        }
        order.finish();

        let mut once = order.service.effects.clone();
        once.sort_unstable();
        once.dedup();
        prop_assert_eq!(once.len(), order.service.effects.len(), "an effect happened twice");
        match order.newest().stage() {
            WorkStage::Finished => {
                prop_assert_eq!(order.done(), ["o/reserve", "o/notify", "o/charge", "o/ship"]);
                prop_assert!(order.undone().is_empty());
            }
            WorkStage::Cancelled { .. } => {
                let undone = order.undone();
                let mut expected = order.done();
                expected.retain(|key| *key != "o/notify");
                expected.reverse();
                // The step that failed permanently may have taken effect, and is undone first.
                let surely_done = undone.iter().copied().filter(|key| expected.contains(key));
                prop_assert_eq!(surely_done.collect::<Vec<_>>(), expected.clone());
                prop_assert!(undone.len() <= expected.len() + 1);
                // A pod with outdated records may still execute a step that is never undone.
                let may_be_late = |key: &str| key == "o/notify" || key.ends_with("/undo");
                let last_done = order.service.effects.iter().rposition(|key| !may_be_late(key));
                let first_undone = order.service.effects.iter().position(|key| key.ends_with("/undo"));
                prop_assert!(first_undone.is_none() || last_done < first_undone);
            }
            stage => prop_assert!(false, "the order ended at {stage:?}"),
        }
    }
}
