//! The history of one list to which clients append concurrently, each entry once.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::checker::{SequentialModel, TimedOperation, check};

/// All appends to one list, with their outcomes; clients record theirs concurrently.
#[derive(Debug)]
pub struct AppendHistory<E>(Mutex<CompletedAppends<E>>);

/// An append that was called and has no outcome yet.
#[derive(Debug)]
#[must_use = "the outcome belongs to the history"]
pub struct PendingAppend<E> {
    entry: E,
    called_at: u64,
}

/// The outcome of an append, as far as its caller knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendOutcome<E> {
    /// The append took effect, and left this list.
    Appended(Vec<E>),
    /// The append has no effect, now or later.
    Rejected,
    /// The append took effect, will take effect, or never will.
    Unknown,
}

#[derive(Debug)]
struct CompletedAppends<E> {
    time: u64,
    appends: Vec<CompletedAppend<E>>,
}

#[derive(Clone, Debug)]
struct CompletedAppend<E> {
    entry: E,
    called_at: u64,
    completed_at: u64,
    outcome: AppendOutcome<E>,
}

impl<E> Default for AppendHistory<E> {
    fn default() -> Self {
        let appends = Vec::new();
        Self(Mutex::new(CompletedAppends { time: 0, appends }))
    }
}

impl<E: Clone + Debug + Eq + Hash> AppendHistory<E> {
    /// Records that a client is about to append an entry.
    pub fn on_call(&self, entry: E) -> PendingAppend<E> {
        let called_at = self.completed().now();
        PendingAppend { entry, called_at }
    }

    /// Records the outcome of an append. An append without a recorded outcome is no part of the history.
    pub fn on_outcome(&self, pending: PendingAppend<E>, outcome: AppendOutcome<E>) {
        let mut completed = self.completed();
        let completed_at = completed.now();
        completed.appends.push(CompletedAppend {
            entry: pending.entry,
            called_at: pending.called_at,
            completed_at,
            outcome,
        });
    }

    /// How many appends have such an outcome.
    pub fn count(&self, is_counted: impl Fn(&AppendOutcome<E>) -> bool) -> usize {
        let completed = self.completed();
        completed
            .appends
            .iter()
            .filter(|append| is_counted(&append.outcome))
            .count()
    }

    /// Checks that some order of the appends explains all outcomes and `last`, the final list.
    ///
    /// # Errors
    /// What contradicts every order.
    pub fn check(&self, last: &[E]) -> Result<(), String> {
        let appends = self.completed().appends.clone();
        check_entries(&appends, last)?;
        let read = TimedOperation {
            operation: ListOperation::Read(last.to_vec()),
            called_at: u64::MAX - 1,
            answered_at: Some(u64::MAX),
        };
        let history = appends.iter().filter_map(|append| append.operation(last)).chain([read]);
        check::<AppendOnlyList<E>>(Vec::new(), history.collect()).map_err(|violation| violation.to_string())
    }

    fn completed(&self) -> MutexGuard<'_, CompletedAppends<E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E> CompletedAppends<E> {
    fn now(&mut self) -> u64 {
        self.time += 1;
        self.time
    }
}

impl<E: Clone + Eq> CompletedAppend<E> {
    /// `None` if the append had no effect. Without an answer, the final list shows its effect: entries are never removed, so
    /// the ones before this one were there when it was appended.
    fn operation(&self, last: &[E]) -> Option<TimedOperation<ListOperation<E>>> {
        let (list, answered_at) = match &self.outcome {
            AppendOutcome::Appended(list) => (list.clone(), Some(self.completed_at)),
            AppendOutcome::Rejected | AppendOutcome::Unknown => {
                let index = last.iter().position(|entry| *entry == self.entry)?;
                (last[..=index].to_vec(), None)
            }
        };
        Some(TimedOperation {
            operation: ListOperation::Append(self.entry.clone(), list),
            called_at: self.called_at,
            answered_at,
        })
    }
}

/// Checks that each acknowledged entry is in the final list, once, and no rejected one.
fn check_entries<E: Debug + Eq + Hash>(appends: &[CompletedAppend<E>], last: &[E]) -> Result<(), String> {
    let present: HashSet<&E> = last.iter().collect();
    if present.len() < last.len() {
        return Err(format!("an entry was appended twice: {last:?}"));
    }
    for CompletedAppend { entry, outcome, .. } in appends {
        use AppendOutcome::{Appended, Rejected, Unknown};
        match (outcome, present.contains(entry)) {
            (Appended(_), false) => return Err(format!("{entry:?} was acknowledged and is not in {last:?}")),
            (Rejected, true) => return Err(format!("{entry:?} was rejected and is in {last:?}")),
            (Appended(_) | Unknown, true) | (Rejected | Unknown, false) => {}
        }
    }
    Ok(())
}

/// A list that only grows.
struct AppendOnlyList<E>(PhantomData<E>);

#[derive(Debug)]
enum ListOperation<E> {
    /// An entry, and the list with it.
    Append(E, Vec<E>),
    Read(Vec<E>),
}

impl<E: Clone + Debug + Eq + Hash> SequentialModel for AppendOnlyList<E> {
    type Operation = ListOperation<E>;
    type State = Vec<E>;

    fn after(state: &Vec<E>, operation: &ListOperation<E>) -> Option<Vec<E>> {
        match operation {
            ListOperation::Append(entry, list) => {
                let (last, before) = list.split_last()?;
                (last == entry && before == state).then(|| list.clone())
            }
            ListOperation::Read(list) => (list == state).then(|| list.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&'static str]) -> AppendOutcome<&'static str> {
        AppendOutcome::Appended(entries.to_vec())
    }

    /// Appends one after the other.
    fn sequential<const N: usize>(
        appends: [(&'static str, AppendOutcome<&'static str>); N],
    ) -> AppendHistory<&'static str> {
        let history = AppendHistory::default();
        for (entry, outcome) in appends {
            let pending = history.on_call(entry);
            history.on_outcome(pending, outcome);
        }
        history
    }

    /// Appends that all begin before one completes.
    fn concurrent<const N: usize>(
        appends: [(&'static str, AppendOutcome<&'static str>); N],
    ) -> AppendHistory<&'static str> {
        let history = AppendHistory::default();
        let pending = appends.map(|(entry, outcome)| (history.on_call(entry), outcome));
        for (pending, outcome) in pending {
            history.on_outcome(pending, outcome);
        }
        history
    }

    #[test]
    fn sequential_appends_are_linearizable() {
        let history = sequential([("a", list(&["a"])), ("b", list(&["a", "b"]))]);
        history.check(&["a", "b"]).unwrap();
        assert_eq!(
            history.count(|outcome| matches!(outcome, AppendOutcome::Appended(_))),
            2
        );
    }

    #[test]
    fn a_lost_append_is_detected() {
        let history = concurrent([("a", list(&["a"])), ("b", list(&["b"]))]);
        let reason = history.check(&["b"]).unwrap_err();
        assert_eq!(reason, r#""a" was acknowledged and is not in ["b"]"#);
    }

    #[test]
    fn an_append_to_an_old_list_is_detected_although_all_entries_are_there() {
        let history = concurrent([("a", list(&["a"])), ("b", list(&["b"]))]);
        for last in [["a", "b"], ["b", "a"]] {
            let reason = history.check(&last).unwrap_err();
            assert!(
                reason.starts_with("no order explains the history: of 3 operations 1"),
                "{reason}"
            );
        }
    }

    #[test]
    fn an_append_that_took_effect_before_its_call_is_detected() {
        let appends = || [("a", list(&["b", "a"])), ("b", list(&["b"]))];
        concurrent(appends()).check(&["b", "a"]).unwrap();
        sequential(appends()).check(&["b", "a"]).unwrap_err();
    }

    #[test]
    fn an_entry_that_is_there_twice_is_detected() {
        let history = sequential([("a", AppendOutcome::Unknown)]);
        let reason = history.check(&["a", "a"]).unwrap_err();
        assert_eq!(reason, r#"an entry was appended twice: ["a", "a"]"#);
    }

    #[test]
    fn a_rejected_append_that_took_effect_is_detected() {
        sequential([("a", AppendOutcome::Rejected)]).check(&[]).unwrap();
        let reason = sequential([("a", AppendOutcome::Rejected)]).check(&["a"]).unwrap_err();
        assert_eq!(reason, r#""a" was rejected and is in ["a"]"#);
    }

    #[test]
    fn an_append_without_an_answer_takes_effect_late_or_never_but_not_early() {
        let unanswered = || sequential([("a", AppendOutcome::Unknown), ("b", list(&["b"]))]);
        unanswered().check(&["b"]).unwrap();
        unanswered().check(&["b", "a"]).unwrap();
        unanswered().check(&["a", "b"]).unwrap_err();
        let early = sequential([("b", list(&["a", "b"])), ("a", AppendOutcome::Unknown)]);
        early.check(&["a", "b"]).unwrap_err();
    }

    #[test]
    fn a_long_history_with_many_unanswered_appends_is_judged_quickly() {
        let history = AppendHistory::default();
        let mut last = Vec::new();
        for round in 0..50 {
            let all_pending: Vec<_> = (0..16).map(|number| history.on_call(round * 16 + number)).collect();
            for pending in all_pending {
                last.push(pending.entry);
                let outcome = match pending.entry % 4 {
                    0 => AppendOutcome::Unknown,
                    _ => AppendOutcome::Appended(last.clone()),
                };
                history.on_outcome(pending, outcome);
            }
        }
        history.check(&last).unwrap();
        last.swap(700, 720);
        history.check(&last).unwrap_err();
    }
}
