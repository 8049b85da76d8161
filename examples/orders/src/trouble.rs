//! Trouble: which calls of the outside services fail, so that retries and undoing can be watched.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Which calls fail.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Trouble {
    /// Of each idempotency key, the first so many calls fail: the first before it has its effect, the second after it, and
    /// so on in turn
    #[arg(long, default_value_t = 0)]
    pub fail_first: u32,
    /// So many in a hundred of the other calls fail, half of them after they have had their effect
    #[arg(long, default_value_t = 0)]
    pub fail_percent: u64,
    /// Of each idempotency key, the first so many calls have their effect and are never answered
    #[arg(long, default_value_t = 0)]
    pub silent_first: u32,
    /// All calls for that step (reserve, charge or ship) fail, after they have had their effect
    #[arg(long)]
    pub broken: Option<String>,
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strike {
    /// Before it has its effect.
    Before,
    /// After it, so that only the reply is lost.
    After,
    /// After it, and nobody ever says so.
    Silent,
}

impl Trouble {
    /// Whether and how the call fails that is the `try_count`-th with that idempotency key, counted from zero.
    #[must_use]
    pub fn strike(&self, key: &str, try_count: u32) -> Option<Strike> {
        let is_broken = self
            .broken
            .as_ref()
            .is_some_and(|step| key.ends_with(&format!("/{step}")));
        match try_count {
            _ if is_broken => Some(Strike::After),
            count if count < self.silent_first => Some(Strike::Silent),
            count if count < self.fail_first => Some(before_or_after(u64::from(count))),
            _ => {
                let drawn = drawn(key, try_count);
                (drawn % 100 < self.fail_percent).then(|| before_or_after(drawn / 100))
            }
        }
    }
}

fn before_or_after(number: u64) -> Strike {
    match number.is_multiple_of(2) {
        true => Strike::Before,
        false => Strike::After,
    }
}

/// A number that looks drawn by lot, the same each time.
fn drawn(key: &str, try_count: u32) -> u64 {
    let mut hasher = DefaultHasher::new();
    (key, try_count).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_calls_of_each_key_fail_before_and_after_their_effect_in_turn() {
        let trouble = Trouble {
            fail_first: 2,
            ..Trouble::default()
        };
        let strikes: Vec<Option<Strike>> = (0..4).map(|count| trouble.strike("o/ship", count)).collect();
        assert_eq!(strikes, [Some(Strike::Before), Some(Strike::After), None, None]);
    }

    #[test]
    fn a_broken_step_never_answers_but_can_be_undone() {
        let trouble = Trouble {
            broken: Some("ship".to_owned()),
            ..Trouble::default()
        };
        assert_eq!(trouble.strike("o/ship", 99), Some(Strike::After));
        assert_eq!(trouble.strike("o/ship/undo", 0), None);
        assert_eq!(trouble.strike("o/charge", 0), None);
    }
}
