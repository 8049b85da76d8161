//! The checker: Wing and Gong's search ("Testing and verifying concurrent objects", 1993), which visits no set of placed
//! operations with the same state twice (Lowe: "Testing for linearizability", 2017).

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;

/// What an object does when operations run one after the other.
pub trait SequentialModel {
    /// An operation, with its answer if there is one.
    type Operation: fmt::Debug;
    /// The content of the object.
    type State: Clone + Eq + Hash;

    /// The state after `operation`, or `None` if it cannot have that answer in this state.
    fn after(state: &Self::State, operation: &Self::Operation) -> Option<Self::State>;
}

/// One operation of a history. All times are of one clock that never returns the same time twice.
#[derive(Clone, Copy, Debug)]
pub struct TimedOperation<O> {
    /// The operation and its answer.
    pub operation: O,
    /// A time before it was sent.
    pub called_at: u64,
    /// A time after the answer was received; `None` without an answer, and then it may have had no effect.
    pub answered_at: Option<u64>,
}

/// A history without a linearization, with the longest linearizable prefix that was found.
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

/// More than the history of any test needs; a history that needs more states fails the test.
const STATE_COUNT_MAX: usize = 1_000_000;

/// Searches an order that explains `history`, beginning with `initial`.
///
/// # Errors
/// When there is none.
///
/// # Panics
/// When the search takes more than a million states.
pub fn check<M: SequentialModel>(
    initial: M::State,
    mut history: Vec<TimedOperation<M::Operation>>,
) -> Result<(), Violation> {
    history.sort_by_key(|operation| (operation.answered_at.is_none(), operation.answered_at));
    let first = SearchState {
        placed: PlacedSet::none(history.len()),
        state: initial,
    };
    let mut farthest = first.placed.clone();
    let mut seen = HashSet::from([first.clone()]);
    let mut open = vec![first];
    while let Some(visited) = open.pop() {
        if visited.placed.explains(&history) {
            return Ok(());
        }
        if visited.placed.count > farthest.count {
            farthest = visited.placed.clone();
        }
        // The candidate that is pushed last is visited first: the one answered first, those without an answer last.
        for next in visited.placed.candidates(&history).rev() {
            let Some(state) = M::after(&visited.state, &history[next].operation) else {
                continue;
            };
            let placed = visited.placed.with(next);
            let next = SearchState { placed, state };
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
        assert!(
            seen.len() <= STATE_COUNT_MAX,
            "a history of {} operations takes more than {STATE_COUNT_MAX} states to judge",
            history.len()
        );
    }
    Err(farthest.violation_of(&history))
}

/// The operations that are placed, and the state after them.
#[derive(Clone, PartialEq, Eq, Hash)]
struct SearchState<S> {
    placed: PlacedSet,
    state: S,
}

/// A set of operations, by their indices in the history, which is sorted by answer time.
#[derive(Clone, PartialEq, Eq, Hash)]
struct PlacedSet {
    bits: Vec<u64>,
    count: usize,
}

impl PlacedSet {
    fn none(operation_count: usize) -> Self {
        Self {
            bits: vec![0; operation_count.div_ceil(64)],
            count: 0,
        }
    }

    fn with(&self, index: usize) -> Self {
        let mut bits = self.bits.clone();
        bits[index / 64] |= 1 << (index % 64);
        Self {
            bits,
            count: self.count + 1,
        }
    }

    fn contains(&self, index: usize) -> bool {
        self.bits[index / 64] >> (index % 64) & 1 == 1
    }

    /// The earliest answer of an operation that is not placed.
    fn next_answer<O>(&self, history: &[TimedOperation<O>]) -> Option<u64> {
        let next = (0..history.len()).find(|&index| !self.contains(index))?;
        history[next].answered_at
    }

    /// Whether all operations with an answer are placed.
    fn explains<O>(&self, history: &[TimedOperation<O>]) -> bool {
        self.next_answer(history).is_none()
    }

    /// The operations that may be placed next: those called before the earliest answer of one that is not placed.
    fn candidates<O>(&self, history: &[TimedOperation<O>]) -> impl DoubleEndedIterator<Item = usize> {
        let before = self.next_answer(history).unwrap_or(u64::MAX);
        (0..history.len()).filter(move |&index| !self.contains(index) && history[index].called_at < before)
    }

    fn violation_of<O: fmt::Debug>(&self, history: &[TimedOperation<O>]) -> Violation {
        let stuck_at = self.candidates(history).map(|index| &history[index].operation);
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

    impl SequentialModel for Register {
        type Operation = Access;
        type State = u32;

        fn after(state: &u32, operation: &Access) -> Option<u32> {
            match operation {
                Read(found) => (found == state).then_some(*state),
                Write(value) => Some(*value),
            }
        }
    }

    fn answered(operation: Access, called_at: u64, answered_at: u64) -> TimedOperation<Access> {
        TimedOperation {
            operation,
            called_at,
            answered_at: Some(answered_at),
        }
    }

    fn unanswered(operation: Access, called_at: u64) -> TimedOperation<Access> {
        TimedOperation {
            operation,
            called_at,
            answered_at: None,
        }
    }

    fn is_explained(history: &[TimedOperation<Access>]) -> bool {
        check::<Register>(0, history.to_vec()).is_ok()
    }

    #[test]
    fn concurrent_operations_may_take_effect_in_any_order() {
        let writes = [1, 2, 3].map(|value| answered(Write(value), value.into(), 100 + u64::from(value)));
        let reads = [(3, 10), (2, 20), (1, 30)].map(|(value, at)| answered(Read(value), at, at + 1));
        assert!(is_explained(&[writes, reads].concat()));
    }

    #[test]
    fn a_read_of_a_value_overwritten_before_the_call_is_a_violation() {
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
    fn two_reads_that_see_a_write_appear_and_disappear_are_a_violation() {
        let write = answered(Write(1), 0, 10);
        let reads = |first, second| [write, answered(Read(first), 1, 2), answered(Read(second), 3, 4)];
        assert!(is_explained(&reads(0, 1)));
        assert!(!is_explained(&reads(1, 0)));
    }

    #[test]
    fn an_operation_without_an_answer_takes_effect_late_or_never_but_only_once() {
        let write = unanswered(Write(1), 0);
        assert!(is_explained(&[write, answered(Read(0), 1, 2)]));
        assert!(is_explained(&[write, answered(Read(0), 1, 2), answered(Read(1), 3, 4)]));
        let other = answered(Write(2), 5, 6);
        let again = [answered(Read(1), 3, 4), other, answered(Read(1), 7, 8)];
        assert!(!is_explained(&[&[write], &again[..]].concat()));
        assert!(
            !is_explained(&[unanswered(Write(1), 5), answered(Read(1), 1, 2)]),
            "a read cannot return a later write"
        );
    }

    #[test]
    fn the_checker_agrees_with_trying_all_orders() {
        let mut rng = StdRng::seed_from_u64(7);
        let mut explained_count = 0;
        for _ in 0..3_000 {
            let history = drawn(&mut rng);
            let expected = some_order_explains(&history, 0);
            assert_eq!(is_explained(&history), expected, "{history:?}");
            explained_count += usize::from(expected);
        }
        assert!((500..2_500).contains(&explained_count), "{explained_count} of 3000");
    }

    fn drawn(rng: &mut StdRng) -> Vec<TimedOperation<Access>> {
        let mut history = Vec::new();
        for number in 0..6 {
            let value = rng.random_range(0..3);
            let operation = if rng.random() { Read(value) } else { Write(value) };
            let called_at = rng.random_range(0..20) * 100 + number;
            let answered_at = called_at + rng.random_range(1..8) * 100 + 50;
            history.push(TimedOperation {
                operation,
                called_at,
                answered_at: rng.random_bool(0.8).then_some(answered_at),
            });
        }
        history
    }

    /// Tries each operation that may come first, then all orders of the others.
    fn some_order_explains(rest: &[TimedOperation<Access>], state: u32) -> bool {
        let Some(first_answer) = rest.iter().filter_map(|operation| operation.answered_at).min() else {
            return true;
        };
        rest.iter().enumerate().any(|(index, next)| {
            let after = Register::after(&state, &next.operation).filter(|_| next.called_at < first_answer);
            after.is_some_and(|state| {
                let others = [&rest[..index], &rest[index + 1..]].concat();
                some_order_explains(&others, state)
            })
        })
    }
}
