//! Freshness: how long what was read counts.

use std::time::Duration;

use emberkeep_core::assignment::{Generation, Phase};
use emberkeep_core::slicelet::Share;
use emberkeep_core::time::Timestamp;

/// How long a value counts after it was read or checked. What no longer counts is checked before it is answered: one
/// read of the store that moves no bytes where the object is still the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Freshness {
    /// Objects never change: nothing is ever checked.
    Immutable,
    /// Only the owner of a key writes its object, by [`Guard::update`](crate::Guard::update) and its kin.
    ///
    /// A value is checked when it is first used after the owners of its key changed, and once more 5 s later: so long
    /// an old owner may take to learn that it is none, and write. While several pods serve the key, each of which may
    /// write, it is checked once a second.
    #[default]
    OwnerWrites,
    /// Others write, too, and a value may be as old as this.
    RevalidateAfter(Duration),
}

/// How long after a change of owners the old ones may still write. They answer late requests for so long, too
/// (`leave_linger`).
const SETTLING: Duration = Duration::from_secs(5);
/// How old a value may be while other pods may write it.
const SHARED_AGE_MAX: Duration = Duration::from_secs(1);

/// By what right a request asks, and which knowledge counts for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hold {
    /// The generation that the request goes by.
    pub(crate) at: Generation,
    /// What was checked by an earlier generation does not count.
    since: Generation,
    /// What was checked from then on counts for as long as the hold lasts.
    lasting_from: Timestamp,
    /// What was checked before that counts for so long.
    age_max: Duration,
}

/// When it was last known what the store holds: as of the beginning of the read that told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checked {
    pub(super) by: Generation,
    pub(super) at: Timestamp,
}

impl Freshness {
    /// The hold of a pod with that share, which goes by `at` and knows the share's epoch since `learned_at`.
    #[inline]
    pub(crate) fn hold(self, share: &Share, at: Generation, learned_at: Timestamp) -> Hold {
        let lasting = Hold {
            at,
            since: Generation::NONE,
            lasting_from: Timestamp::ZERO,
            age_max: Duration::ZERO,
        };
        let is_shared = !share.may_write() || share.serving_count > 1;
        match self {
            Self::Immutable => lasting,
            Self::RevalidateAfter(age_max) => Hold {
                lasting_from: Timestamp::NEVER,
                age_max,
                ..lasting
            },
            Self::OwnerWrites if is_shared => Hold {
                since: share.held_since.max(share.epoch),
                lasting_from: Timestamp::NEVER,
                age_max: SHARED_AGE_MAX,
                ..lasting
            },
            Self::OwnerWrites => Hold {
                since: share.held_since.max(share.epoch),
                lasting_from: learned_at + SETTLING,
                age_max: SETTLING,
                ..lasting
            },
        }
    }
}

impl Hold {
    /// Whether what was checked then counts; `now` is only asked where it matters.
    #[inline]
    pub(super) fn accepts(&self, checked: Checked, now: impl FnOnce() -> Timestamp) -> bool {
        checked.by >= self.since && (checked.at >= self.lasting_from || now().since(checked.at) < self.age_max)
    }

    /// Whether what was known before this process began counts, too.
    pub(super) fn accepts_anything(&self) -> bool {
        self.since == Generation::NONE && self.lasting_from == Timestamp::ZERO
    }

    /// Whether what a read that began at `checked` found counts for a request that began at `asked_at`, whatever its
    /// age: it cannot be had any fresher.
    pub(super) fn accepts_since(&self, checked: Checked, asked_at: Timestamp) -> bool {
        checked.by >= self.since && checked.at >= asked_at
    }

    /// What a read that begins now will know.
    pub(super) const fn checked(&self, now: Timestamp) -> Checked {
        Checked { by: self.at, at: now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn second(second: u64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    fn generation(number: i64) -> Generation {
        Generation::from_number(number).unwrap()
    }

    /// A share since generation 3, in an epoch that began at generation 5.
    fn share(phase: Phase, serving_count: u32) -> Share {
        Share {
            phase,
            serving_count,
            epoch: generation(5),
            held_since: generation(3),
        }
    }

    fn counts(freshness: Freshness, share: &Share, by: i64, at: Timestamp, now: Timestamp) -> bool {
        let hold = freshness.hold(share, generation(9), second(100));
        let checked = Checked { by: generation(by), at };
        hold.accepts(checked, || now)
    }

    #[test]
    fn what_never_changes_always_counts() {
        let shared = share(Phase::Serving, 3);
        assert!(counts(Freshness::Immutable, &shared, 1, second(0), second(9_999)));
    }

    #[test]
    fn what_only_the_owner_writes_is_checked_in_each_epoch_and_once_more_when_old_owners_are_gone() {
        let owner = |by, at, now| {
            counts(
                Freshness::OwnerWrites,
                &share(Phase::Serving, 1),
                by,
                second(at),
                second(now),
            )
        };
        assert!(!owner(4, 101, 101), "it was checked in another epoch");
        assert!(
            owner(5, 101, 102),
            "a former owner may have written since, but that is a matter of seconds"
        );
        assert!(!owner(5, 101, 106));
        assert!(owner(5, 105, 9_999), "nobody else writes any more");
    }

    #[test]
    fn what_several_pods_may_write_counts_for_a_second() {
        for share in [share(Phase::Serving, 2), share(Phase::Leaving, 1)] {
            let shared = |at, now| {
                let (at, now) = (Timestamp::from_millis(at), Timestamp::from_millis(now));
                counts(Freshness::OwnerWrites, &share, 5, at, now)
            };
            assert!(shared(500_000, 500_999));
            assert!(!shared(500_000, 501_000));
        }
    }

    #[test]
    fn what_others_write_counts_until_it_is_too_old_whoever_owned_it() {
        let freshness = Freshness::RevalidateAfter(Duration::from_secs(60));
        let aged = |at, now| counts(freshness, &share(Phase::Serving, 1), 1, second(at), second(now));
        assert!(aged(10, 69));
        assert!(!aged(10, 70));
    }
}
