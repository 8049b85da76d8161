//! Freshness: how long what was read counts.

use std::time::Duration;

use emberkeep_core::assignment::Generation;
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
pub(crate) struct OwnershipFence {
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
pub(crate) struct VersionCheck {
    pub(super) by: Generation,
    /// [`LONG_AGO`] is before the clock began.
    pub(super) at: Timestamp,
}

/// Another pod knew it before this process began: nobody can say how old that is by this process's clock.
const LONG_AGO: Timestamp = Timestamp::ZERO;

impl Freshness {
    /// The hold of a pod with that share, which goes by `at` and knows the share's epoch since `learned_at`.
    #[inline]
    pub(crate) fn fence(self, share: &Share, at: Generation, learned_at: Timestamp) -> OwnershipFence {
        let lasting = OwnershipFence {
            at,
            since: Generation::NONE,
            lasting_from: Timestamp::ZERO,
            age_max: Duration::ZERO,
        };
        let is_shared = !share.may_write() || share.serving_count > 1;
        match self {
            Self::Immutable => lasting,
            Self::RevalidateAfter(age_max) => OwnershipFence {
                lasting_from: Timestamp::NEVER,
                age_max,
                ..lasting
            },
            Self::OwnerWrites if is_shared => OwnershipFence {
                since: share.held_since.max(share.epoch),
                lasting_from: Timestamp::NEVER,
                age_max: SHARED_AGE_MAX,
                ..lasting
            },
            Self::OwnerWrites => OwnershipFence {
                since: share.held_since.max(share.epoch),
                lasting_from: learned_at + SETTLING,
                age_max: SETTLING,
                ..lasting
            },
        }
    }
}

impl OwnershipFence {
    /// Whether what was checked then counts; `now` is only asked where it matters.
    #[inline]
    pub(super) fn accepts(&self, checked: VersionCheck, now: impl FnOnce() -> Timestamp) -> bool {
        let is_young = || checked.at > LONG_AGO && now().since(checked.at) < self.age_max;
        checked.by >= self.since && (checked.at >= self.lasting_from || is_young())
    }

    /// Whether what was known before this process began counts, too.
    pub(super) fn accepts_unchecked(&self) -> bool {
        self.since == Generation::NONE && self.lasting_from == Timestamp::ZERO
    }

    /// Whether what a read that began at `checked` found counts for a request that began at `asked_at`, whatever its
    /// age: it cannot be had any fresher.
    pub(super) fn accepts_since(&self, checked: VersionCheck, asked_at: Timestamp) -> bool {
        checked.by >= self.since && checked.at >= asked_at
    }

    /// What a read that begins now will know.
    pub(super) const fn check_at(&self, now: Timestamp) -> VersionCheck {
        VersionCheck { by: self.at, at: now }
    }
}

impl VersionCheck {
    /// What another pod has known by a generation since so long before `asked_at`. It counts for no hold that begins after
    /// `ceiling`: that pod may have been no owner any more, and not have known it.
    pub(crate) fn by_peer(by: Generation, before: Duration, asked_at: Timestamp, ceiling: Generation) -> Self {
        let before = u64::try_from(before.as_micros()).unwrap_or(u64::MAX);
        Self {
            by: by.min(ceiling),
            at: Timestamp::from_micros(asked_at.as_micros().saturating_sub(before)),
        }
    }

    /// By which generation it was known, and how long before `asked_at`.
    pub(crate) fn relative_to(self, asked_at: Timestamp) -> (Generation, Duration) {
        let before = match self.at {
            LONG_AGO => Duration::MAX,
            at => asked_at.since(at),
        };
        (self.by, before)
    }

    /// Whether the other is more recent, and by no owner before this one.
    pub(super) fn is_older_than(self, other: Self) -> bool {
        self.by <= other.by && self.at < other.at
    }
}

#[cfg(test)]
mod tests {
    use emberkeep_core::assignment::Phase;

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
        let fence = freshness.fence(share, generation(9), second(100));
        let checked = VersionCheck { by: generation(by), at };
        fence.accepts(checked, || now)
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
    fn what_another_pod_has_checked_is_as_old_as_it_was_there() {
        let minute = Freshness::RevalidateAfter(Duration::from_secs(60));
        let fence = minute.fence(&share(Phase::Serving, 1), generation(9), second(100));
        let sent =
            |seconds| VersionCheck::by_peer(generation(8), Duration::from_secs(seconds), second(100), generation(9));
        assert_eq!(
            sent(20).relative_to(second(100)),
            (generation(8), Duration::from_secs(20))
        );
        assert!(fence.accepts(sent(20), || second(139)));
        assert!(!fence.accepts(sent(20), || second(140)));
        assert!(
            !fence.accepts(sent(100), || second(101)),
            "it is older than this clock can tell"
        );
        assert!(!fence.accepts(sent(u64::MAX), || second(101)));
        assert_eq!(
            sent(100).relative_to(second(101)).1,
            Duration::MAX,
            "nor may the next pod take it for younger"
        );
    }

    #[test]
    fn what_another_pod_has_checked_is_checked_anew_by_the_owner_unless_it_never_changes() {
        let share = Share {
            held_since: generation(5),
            ..share(Phase::Serving, 1)
        };
        let now = second(200);
        let sent = VersionCheck::by_peer(generation(5), Duration::ZERO, now, generation(4));
        let counts = |freshness: Freshness| freshness.fence(&share, generation(9), second(1)).accepts(sent, || now);
        assert!(
            !counts(Freshness::OwnerWrites),
            "it was an owner that said so, but another one"
        );
        assert!(counts(Freshness::Immutable));
    }

    #[test]
    fn what_was_checked_later_but_by_no_later_owner_is_no_news() {
        let check_at = |by, at| VersionCheck {
            by: generation(by),
            at: second(at),
        };
        assert!(check_at(4, 10).is_older_than(check_at(4, 11)));
        assert!(check_at(3, 10).is_older_than(check_at(4, 11)));
        assert!(!check_at(4, 10).is_older_than(check_at(4, 10)));
        assert!(!check_at(5, 10).is_older_than(check_at(4, 11)));
    }

    #[test]
    fn what_others_write_counts_until_it_is_too_old_whoever_owned_it() {
        let freshness = Freshness::RevalidateAfter(Duration::from_secs(60));
        let aged = |at, now| counts(freshness, &share(Phase::Serving, 1), 1, second(at), second(now));
        assert!(aged(10, 69));
        assert!(!aged(10, 70));
    }
}
