//! The checker: Wing and Gong's search ("Testing and verifying concurrent objects", 1993), which looks at no set of done
//! operations with the same state twice (Lowe: "Testing for linearizability", 2017).

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;

/// What an object does, one operation at a time.
pub trait Model {
    /// An operation together with its answer, as far as that was heard.
    type Operation: fmt::Debug;
    /// What the object holds.
    type State: Clone + Eq + Hash;

    /// The state after `operation`, or nothing if it cannot have been answered like that in this state.
    fn after(state: &Self::State, operation: &Self::Operation) -> Option<Self::State>;
}

/// One operation of a history. Times are of one clock that never gives the same time twice.
#[derive(Clone, Copy, Debug)]
pub struct Operation<O> {
    /// What was done, and what was answered.
    pub operation: O,
    /// A moment before it was sent.
    pub called_at: u64,
    /// A moment after the answer was heard; nothing if none was, and then it may have had no effect at all.
    pub answered_at: Option<u64>,
}

/// No order explains a history: how far the best attempt came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    placed_count: usize,
    operation_count: usize,
    stuck_at: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            placed_count,
            operation_count,
            stuck_at,
        } = self;
        let next = stuck_at.join(", ");
        write!(
            f,
            "no order explains the history: of {operation_count} operations {placed_count} can be placed, and then none of {next}"
        )
    }
}

/// More than any history of tests needs; one that is harder to judge is a failure too.
const SITUATION_COUNT_MAX: usize = 1_000_000;

/// Finds an order that explains `history`, beginning with `initial`.
///
/// # Errors
/// When there is none.
///
/// # Panics
/// When the history is too hard to judge.
pub fn check<M: Model>(initial: M::State, mut history: Vec<Operation<M::Operation>>) -> Result<(), Violation> {
    history.sort_by_key(|operation| (operation.answered_at.is_none(), operation.answered_at));
    let first = Situation {
        done: Done::none(history.len()),
        state: initial,
    };
    let mut farthest = first.done.clone();
    let mut seen = HashSet::from([first.clone()]);
    let mut open = vec![first];
    while let Some(situation) = open.pop() {
        if situation.done.explains(&history) {
            return Ok(());
        }
        if situation.done.count > farthest.count {
            farthest = situation.done.clone();
        }
        // Pushed last and looked at first: what was answered first, and operations without an answer at the very end.
        for next in situation.done.candidates(&history).rev() {
            let Some(state) = M::after(&situation.state, &history[next].operation) else {
                continue;
            };
            let done = situation.done.with(next);
            let situation = Situation { done, state };
            if seen.insert(situation.clone()) {
                open.push(situation);
            }
        }
        assert!(
            seen.len() <= SITUATION_COUNT_MAX,
            "a history of {} operations is too hard to judge",
            history.len()
        );
    }
    Err(farthest.violation_of(&history))
}

/// Which operations are done, and what came of them.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Situation<S> {
    done: Done,
    state: S,
}

/// A set of operations, by their places in the history, which is sorted by answers.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Done {
    bits: Vec<u64>,
    count: usize,
}

impl Done {
    fn none(operation_count: usize) -> Self {
        Self {
            bits: vec![0; operation_count.div_ceil(64)],
            count: 0,
        }
    }

    fn with(&self, place: usize) -> Self {
        let mut bits = self.bits.clone();
        bits[place / 64] |= 1 << (place % 64);
        Self {
            bits,
            count: self.count + 1,
        }
    }

    fn has(&self, place: usize) -> bool {
        self.bits[place / 64] >> (place % 64) & 1 == 1
    }

    /// The first answer of an operation that is not done.
    fn next_answer<O>(&self, history: &[Operation<O>]) -> Option<u64> {
        let next = (0..history.len()).find(|&place| !self.has(place))?;
        history[next].answered_at
    }

    /// Whether all is done that somebody was told of.
    fn explains<O>(&self, history: &[Operation<O>]) -> bool {
        self.next_answer(history).is_none()
    }

    /// What may be done next: whatever was called before any of what is not done was answered.
    fn candidates<O>(&self, history: &[Operation<O>]) -> impl DoubleEndedIterator<Item = usize> {
        let before = self.next_answer(history).unwrap_or(u64::MAX);
        (0..history.len()).filter(move |&place| !self.has(place) && history[place].called_at < before)
    }

    fn violation_of<O: fmt::Debug>(&self, history: &[Operation<O>]) -> Violation {
        let stuck_at = self.candidates(history).map(|place| &history[place].operation);
        Violation {
            placed_count: self.count,
            operation_count: history.len(),
            stuck_at: stuck_at.map(|operation| format!("{operation:?}")).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use Access::{Read, Write};

    /// A register that holds 0 at first.
    struct Register;

    #[derive(Clone, Copy, Debug)]
    enum Access {
        Read(u32),
        Write(u32),
    }

    impl Model for Register {
        type Operation = Access;
        type State = u32;

        fn after(state: &u32, operation: &Access) -> Option<u32> {
            match operation {
                Read(found) => (found == state).then_some(*state),
                Write(value) => Some(*value),
            }
        }
    }

    fn answered(operation: Access, called_at: u64, answered_at: u64) -> Operation<Access> {
        Operation {
            operation,
            called_at,
            answered_at: Some(answered_at),
        }
    }

    fn unheard(operation: Access, called_at: u64) -> Operation<Access> {
        Operation {
            operation,
            called_at,
            answered_at: None,
        }
    }

    fn is_explained(history: &[Operation<Access>]) -> bool {
        check::<Register>(0, history.to_vec()).is_ok()
    }

    #[test]
    fn operations_at_the_same_time_may_take_effect_in_any_order() {
        let writes = [1, 2, 3].map(|value| answered(Write(value), value.into(), 100 + u64::from(value)));
        let reads = [(3, 10), (2, 20), (1, 30)].map(|(value, at)| answered(Read(value), at, at + 1));
        assert!(is_explained(&[writes, reads].concat()));
    }

    #[test]
    fn a_read_of_what_was_overwritten_before_it_began_is_a_violation() {
        let writes = [answered(Write(1), 0, 1), answered(Write(2), 2, 3)];
        let read = |value| [writes[0], writes[1], answered(Read(value), 4, 5)];
        assert!(is_explained(&read(2)));
        assert!(!is_explained(&read(1)));
        let violation = check::<Register>(0, read(1).to_vec()).unwrap_err();
        assert_eq!(
            violation.to_string(),
            "no order explains the history: of 3 operations 2 can be placed, and then none of Read(1)"
        );
    }

    #[test]
    fn two_reads_that_see_a_write_come_and_go_are_a_violation() {
        let write = answered(Write(1), 0, 10);
        let reads = |first, second| [write, answered(Read(first), 1, 2), answered(Read(second), 3, 4)];
        assert!(is_explained(&reads(0, 1)));
        assert!(!is_explained(&reads(1, 0)));
    }

    #[test]
    fn what_was_never_answered_may_happen_late_or_never_but_only_once() {
        let write = unheard(Write(1), 0);
        assert!(is_explained(&[write, answered(Read(0), 1, 2)]));
        assert!(is_explained(&[write, answered(Read(0), 1, 2), answered(Read(1), 3, 4)]));
        let other = answered(Write(2), 5, 6);
        let again = [answered(Read(1), 3, 4), other, answered(Read(1), 7, 8)];
        assert!(!is_explained(&[&[write], &again[..]].concat()));
        assert!(
            !is_explained(&[unheard(Write(1), 5), answered(Read(1), 1, 2)]),
            "it was not called yet"
        );
    }

    #[test]
    fn the_verdict_is_that_of_trying_all_orders() {
        let mut chance = StdRng::seed_from_u64(7);
        let mut explained_count = 0;
        for _ in 0..3_000 {
            let history = drawn(&mut chance);
            let expected = some_order_explains(&history, 0);
            assert_eq!(is_explained(&history), expected, "{history:?}");
            explained_count += usize::from(expected);
        }
        assert!((500..2_500).contains(&explained_count), "{explained_count} of 3000");
    }

    fn drawn(chance: &mut StdRng) -> Vec<Operation<Access>> {
        let mut history = Vec::new();
        for number in 0..6 {
            let value = chance.random_range(0..3);
            let operation = if chance.random() { Read(value) } else { Write(value) };
            let called_at = chance.random_range(0..20) * 100 + number;
            let answered_at = called_at + chance.random_range(1..8) * 100 + 50;
            history.push(Operation {
                operation,
                called_at,
                answered_at: chance.random_bool(0.8).then_some(answered_at),
            });
        }
        history
    }

    /// Tries each operation that may come first, and then all orders of the others.
    fn some_order_explains(rest: &[Operation<Access>], state: u32) -> bool {
        let Some(first_answer) = rest.iter().filter_map(|operation| operation.answered_at).min() else {
            return true;
        };
        rest.iter().enumerate().any(|(place, next)| {
            let after = Register::after(&state, &next.operation).filter(|_| next.called_at < first_answer);
            after.is_some_and(|state| {
                let others = [&rest[..place], &rest[place + 1..]].concat();
                some_order_explains(&others, state)
            })
        })
    }
}
