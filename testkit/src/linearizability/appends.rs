//! Appends: a history of one list to which many append at the same time, each an entry that nobody else appends.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::checker::{Model, Operation, check};

/// What was appended to one list, by whom it may concern, and what they were told.
#[derive(Debug)]
pub struct Appends<E>(Mutex<Noted<E>>);

/// An append that has begun.
#[derive(Debug)]
#[must_use = "how it ended belongs to the history"]
pub struct Call<E> {
    entry: E,
    called_at: u64,
}

/// What the caller was told in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told<E> {
    /// The list as the append left it.
    List(Vec<E>),
    /// That nothing was written, and nothing will be.
    Refused,
    /// Nothing that could be relied on.
    Nothing,
}

#[derive(Debug)]
struct Noted<E> {
    time: u64,
    ended: Vec<Ended<E>>,
}

#[derive(Clone, Debug)]
struct Ended<E> {
    entry: E,
    called_at: u64,
    ended_at: u64,
    told: Told<E>,
}

impl<E> Default for Appends<E> {
    fn default() -> Self {
        let ended = Vec::new();
        Self(Mutex::new(Noted { time: 0, ended }))
    }
}

impl<E: Clone + Debug + Eq + Hash> Appends<E> {
    /// Somebody is about to append an entry.
    pub fn called(&self, entry: E) -> Call<E> {
        let called_at = self.noted().now();
        Call { entry, called_at }
    }

    /// How it ended. A call that is never said to have ended is taken for one that never was.
    pub fn ended(&self, call: Call<E>, told: Told<E>) {
        let mut noted = self.noted();
        let ended_at = noted.now();
        noted.ended.push(Ended {
            entry: call.entry,
            called_at: call.called_at,
            ended_at,
            told,
        });
    }

    /// How many appends ended like this.
    pub fn count(&self, is_counted: impl Fn(&Told<E>) -> bool) -> usize {
        self.noted()
            .ended
            .iter()
            .filter(|ended| is_counted(&ended.told))
            .count()
    }

    /// Whether some order of the appends explains all that was told, and that the list was `last` in the end.
    ///
    /// # Errors
    /// When there is none: what contradicts it.
    pub fn check(&self, last: &[E]) -> Result<(), String> {
        let ended = self.noted().ended.clone();
        self.check_entries(&ended, last)?;
        let read = Operation {
            operation: Step::Read(last.to_vec()),
            called_at: u64::MAX - 1,
            answered_at: Some(u64::MAX),
        };
        let history = ended.iter().filter_map(|ended| ended.operation(last)).chain([read]);
        check::<List<E>>(Vec::new(), history.collect()).map_err(|violation| violation.to_string())
    }

    /// Whether each entry is there that must be, once, and none that must not.
    fn check_entries(&self, ended: &[Ended<E>], last: &[E]) -> Result<(), String> {
        let present: HashSet<&E> = last.iter().collect();
        if present.len() < last.len() {
            return Err(format!("an entry was appended twice: {last:?}"));
        }
        for Ended { entry, told, .. } in ended {
            match (told, present.contains(entry)) {
                (Told::List(_), false) => return Err(format!("{entry:?} was acknowledged and is not in {last:?}")),
                (Told::Refused, true) => return Err(format!("{entry:?} was refused and is in {last:?}")),
                (Told::List(_) | Told::Nothing, true) | (Told::Refused | Told::Nothing, false) => {}
            }
        }
        Ok(())
    }

    fn noted(&self) -> MutexGuard<'_, Noted<E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E> Noted<E> {
    fn now(&mut self) -> u64 {
        self.time += 1;
        self.time
    }
}

impl<E: Clone + Eq> Ended<E> {
    /// Nothing, if it had no effect. If nobody was told of its effect, the list says what it was: entries are never
    /// removed, so those before this one were there when it came.
    fn operation(&self, last: &[E]) -> Option<Operation<Step<E>>> {
        let (list, answered_at) = match &self.told {
            Told::List(list) => (list.clone(), Some(self.ended_at)),
            Told::Refused | Told::Nothing => {
                let place = last.iter().position(|entry| *entry == self.entry)?;
                (last[..=place].to_vec(), None)
            }
        };
        Some(Operation {
            operation: Step::Append(self.entry.clone(), list),
            called_at: self.called_at,
            answered_at,
        })
    }
}

/// A list that only grows.
struct List<E>(PhantomData<E>);

#[derive(Debug)]
enum Step<E> {
    /// An entry, and the list with it.
    Append(E, Vec<E>),
    Read(Vec<E>),
}

impl<E: Clone + Debug + Eq + Hash> Model for List<E> {
    type Operation = Step<E>;
    type State = Vec<E>;

    fn after(state: &Vec<E>, operation: &Step<E>) -> Option<Vec<E>> {
        match operation {
            Step::Append(entry, list) => {
                let (last, before) = list.split_last()?;
                (last == entry && before == state).then(|| list.clone())
            }
            Step::Read(list) => (list == state).then(|| list.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Told = super::Told<&'static str>;

    fn list(entries: &[&'static str]) -> Told {
        Told::List(entries.to_vec())
    }

    /// Appends one after the other.
    fn in_turn<const N: usize>(appends: [(&'static str, Told); N]) -> Appends<&'static str> {
        let history = Appends::default();
        for (entry, told) in appends {
            let call = history.called(entry);
            history.ended(call, told);
        }
        history
    }

    /// Appends that all begin before one ends.
    fn together<const N: usize>(appends: [(&'static str, Told); N]) -> Appends<&'static str> {
        let history = Appends::default();
        let calls = appends.map(|(entry, told)| (history.called(entry), told));
        for (call, told) in calls {
            history.ended(call, told);
        }
        history
    }

    #[test]
    fn appends_that_follow_each_other_are_explained() {
        let history = in_turn([("a", list(&["a"])), ("b", list(&["a", "b"]))]);
        history.check(&["a", "b"]).unwrap();
        assert_eq!(history.count(|told| matches!(told, Told::List(_))), 2);
    }

    #[test]
    fn an_append_that_is_lost_is_found() {
        let history = together([("a", list(&["a"])), ("b", list(&["b"]))]);
        let reason = history.check(&["b"]).unwrap_err();
        assert_eq!(reason, r#""a" was acknowledged and is not in ["b"]"#);
    }

    #[test]
    fn an_append_on_an_old_list_is_found_though_all_entries_are_there() {
        let history = together([("a", list(&["a"])), ("b", list(&["b"]))]);
        for last in [["a", "b"], ["b", "a"]] {
            let reason = history.check(&last).unwrap_err();
            assert!(
                reason.starts_with("no order explains the history: of 3 operations 1"),
                "{reason}"
            );
        }
    }

    #[test]
    fn an_append_that_took_effect_before_it_was_called_is_found() {
        let appends = || [("a", list(&["b", "a"])), ("b", list(&["b"]))];
        together(appends()).check(&["b", "a"]).unwrap();
        in_turn(appends()).check(&["b", "a"]).unwrap_err();
    }

    #[test]
    fn an_entry_that_is_there_twice_is_found() {
        let history = in_turn([("a", Told::Nothing)]);
        let reason = history.check(&["a", "a"]).unwrap_err();
        assert_eq!(reason, r#"an entry was appended twice: ["a", "a"]"#);
    }

    #[test]
    fn a_refusal_that_was_written_all_the_same_is_found() {
        in_turn([("a", Told::Refused)]).check(&[]).unwrap();
        let reason = in_turn([("a", Told::Refused)]).check(&["a"]).unwrap_err();
        assert_eq!(reason, r#""a" was refused and is in ["a"]"#);
    }

    #[test]
    fn what_nobody_was_told_of_may_come_late_or_never_but_not_early() {
        let unheard = || in_turn([("a", Told::Nothing), ("b", list(&["b"]))]);
        unheard().check(&["b"]).unwrap();
        unheard().check(&["b", "a"]).unwrap();
        unheard().check(&["a", "b"]).unwrap_err();
        let early = in_turn([("b", list(&["a", "b"])), ("a", Told::Nothing)]);
        early.check(&["a", "b"]).unwrap_err();
    }

    #[test]
    fn a_long_history_with_many_that_heard_nothing_is_judged_at_once() {
        let history = Appends::default();
        let mut last = Vec::new();
        for round in 0..50 {
            let calls: Vec<_> = (0..16).map(|number| history.called(round * 16 + number)).collect();
            for call in calls {
                last.push(call.entry);
                let told = match call.entry % 4 {
                    0 => super::Told::Nothing,
                    _ => super::Told::List(last.clone()),
                };
                history.ended(call, told);
            }
        }
        history.check(&last).unwrap();
        last.swap(700, 720);
        history.check(&last).unwrap_err();
    }
}
