//! Durable steps against everything at once: failures, lost replies, lost notes, and pods that know nothing of the newest note.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic, as tests may")]

use std::collections::BTreeMap;
use std::time::Duration;

use emberkeep_example_orders::steps::{
    CallKind, NextAction, Retries, StepCall, StepError, StepPlan, StepProgress, UnixTime, WorkStage,
};
use proptest::prelude::*;

/// One call by some pod, and what becomes of it.
#[derive(Debug, Clone)]
struct Turn {
    /// How many notes old the progress is by which the pod goes.
    behind: usize,
    fate: Fate,
    /// The pod crashes before it has noted what came of the call.
    is_note_lost: bool,
}

#[derive(Debug, Clone, Copy)]
enum Fate {
    Answered,
    FailsBefore,
    ReplyLost,
    Refused,
}

/// An outside service that keeps what [`emberkeep_example_orders::steps`] asks of one.
#[derive(Debug, Default)]
struct Service {
    settled: BTreeMap<String, Settled>,
    /// Each effect, as it happened.
    effects: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Settled {
    Effect,
    Refusal,
}

impl Service {
    fn answer(&mut self, call: &StepCall, fate: Fate) -> Result<String, StepError> {
        let key = call.idempotency_key("o");
        let passing = || StepError::Transient("busy".to_owned());
        if matches!(fate, Fate::FailsBefore) {
            return Err(passing());
        }
        let wanted = match (fate, call.kind) {
            (Fate::Refused, CallKind::Do) => Settled::Refusal,
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
            (Fate::ReplyLost, _) => Err(passing()),
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

/// All that was ever noted, the newest last.
struct World {
    plan: StepPlan,
    service: Service,
    notes: Vec<StepProgress>,
    now: UnixTime,
}

impl World {
    fn new() -> Self {
        Self {
            plan: plan(),
            service: Service::default(),
            notes: vec![StepProgress::default()],
            now: UnixTime::default(),
        }
    }

    fn newest(&self) -> &StepProgress {
        self.notes.last().unwrap()
    }

    fn play(&mut self, turn: &Turn) {
        let known = &self.notes[self.notes.len().saturating_sub(1 + turn.behind)];
        if let NextAction::WaitUntil(due_at) = known.next(&self.plan, self.now) {
            self.now = due_at;
        }
        let NextAction::Call(call) = known.next(&self.plan, self.now) else {
            return;
        };
        let outcome = self.service.answer(&call, turn.fate);
        let noted = self.newest().with_outcome(&self.plan, &call, &outcome, self.now);
        self.notes.extend(noted.filter(|_| !turn.is_note_lost));
    }

    /// From now on all goes well.
    fn finish(&mut self) {
        let well = Turn {
            behind: 0,
            fate: Fate::Answered,
            is_note_lost: false,
        };
        for _ in 0..20 {
            self.play(&well);
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

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let fate = prop_oneof![
        6 => Just(Fate::Answered),
        2 => Just(Fate::FailsBefore),
        2 => Just(Fate::ReplyLost),
        1 => Just(Fate::Refused),
    ];
    let behind = prop_oneof![4 => Just(0usize), 1 => 1..4usize];
    let turn = (behind, fate, prop::bool::weighted(0.25)).prop_map(|(behind, fate, is_note_lost)| Turn {
        behind,
        fate,
        is_note_lost,
    });
    prop::collection::vec(turn, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_fails_and_crashes_all_is_done_once_or_undone_in_reverse(turns in turns()) {
        let mut world = World::new();
        for turn in &turns {
            world.play(turn);
        }
        world.finish();

        let mut once = world.service.effects.clone();
        once.sort_unstable();
        once.dedup();
        prop_assert_eq!(once.len(), world.service.effects.len(), "an effect twice");
        match world.newest().stage() {
            WorkStage::Finished => {
                prop_assert_eq!(world.done(), ["o/reserve", "o/notify", "o/charge", "o/ship"]);
                prop_assert!(world.undone().is_empty());
            }
            WorkStage::Cancelled { .. } => {
                let undone = world.undone();
                let mut expected = world.done();
                expected.retain(|key| *key != "o/notify");
                expected.reverse();
                // What failed for good may have had no effect, and is undone all the same, first.
                let surely_done = undone.iter().copied().filter(|key| expected.contains(key));
                prop_assert_eq!(surely_done.collect::<Vec<_>>(), expected.clone());
                prop_assert!(undone.len() <= expected.len() + 1);
                // Nothing keeps a pod that is behind from a step that cannot be undone.
                let may_be_late = |key: &str| key == "o/notify" || key.ends_with("/undo");
                let last_done = world.service.effects.iter().rposition(|key| !may_be_late(key));
                let first_undone = world.service.effects.iter().position(|key| key.ends_with("/undo"));
                prop_assert!(first_undone.is_none() || last_done < first_undone);
            }
            stage => prop_assert!(false, "it is over at {stage:?}"),
        }
    }
}
