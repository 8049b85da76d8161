//! Freshness: how long a version read from the store may be used without a check.

use std::time::Duration;

use emberkeep_core::assignment::Generation;
use emberkeep_core::slicelet::Share;
use emberkeep_core::time::Timestamp;

/// How long a value may be used after it was read or checked, which depends on who writes it. A stale value is checked
/// before use: by one conditional read of the store, which transfers no bytes if the object is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Freshness {
    /// Objects never change: values are never checked.
    Immutable,
    /// Only the owner of a key writes its object, through the methods of [`Guard`](crate::Guard).
    ///
    /// A value is checked on its first use after the owners of its key changed, and again on its first use 5 s later: a
    /// former owner may need that long to learn of the change, and write until then. While several pods serve the key, and
    /// each may write, it is checked once a second.
    #[default]
    OwnerWrites,
    /// Any process may write; a value is checked once it is older than this.
    RevalidateAfter(Duration),
}

/// How long former owners may still write after a change of owners: the time for which they also answer late requests
/// (`leave_linger`).
const SETTLING: Duration = Duration::from_secs(5);
/// The age limit while several pods may write the key.
const SHARED_AGE_MAX: Duration = Duration::from_secs(1);

/// The ownership under which a request runs, and the versions that are fresh under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OwnershipFence {
    /// The generation in effect when the request began.
    pub(crate) at: Generation,
    /// A version checked at an earlier generation is stale.
    since: Generation,
    /// A version checked at this time or later stays fresh for the whole ownership.
    lasting_from: Timestamp,
    /// A version checked earlier is fresh only up to this age.
    age_max: Duration,
}

/// When a version was last known to be the newest in the store: at the start of the read that found it, or of the put that
/// wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VersionCheck {
    /// The generation in effect at the checking pod.
    pub(super) by: Generation,
    /// [`LONG_AGO`] if the check precedes this process's clock.
    pub(super) at: Timestamp,
}

/// A check by another pod before this process started. Its age cannot be expressed in this process's clock, so it never
/// passes an age limit.
const LONG_AGO: Timestamp = Timestamp::ZERO;

impl Freshness {
    /// The fence of a pod with `share` at generation `at`, which has known the share's epoch since `learned_at`.
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
    /// Whether a version is fresh. Calls `now` only if the answer depends on the time.
    #[inline]
    pub(super) fn accepts(&self, checked: VersionCheck, now: impl FnOnce() -> Timestamp) -> bool {
        let is_young = || checked.at > LONG_AGO && now().since(checked.at) < self.age_max;
        checked.by >= self.since && (checked.at >= self.lasting_from || is_young())
    }

    /// Whether even versions never checked by this process are fresh: only where objects never change.
    pub(super) fn accepts_unchecked(&self) -> bool {
        self.since == Generation::NONE && self.lasting_from == Timestamp::ZERO
    }

    /// Whether a version was checked after the request began, at `requested_at`: then it is fresh at any age limit, since the
    /// request's own read could return nothing newer.
    pub(super) fn accepts_since(&self, checked: VersionCheck, requested_at: Timestamp) -> bool {
        checked.by >= self.since && checked.at >= requested_at
    }

    /// The check made by a read or put that begins at `now`.
    pub(super) const fn check_at(&self, now: Timestamp) -> VersionCheck {
        VersionCheck { by: self.at, at: now }
    }
}

impl VersionCheck {
    /// A check by another pod at generation `by`, made `before` the transfer was requested at `requested_at`. Its generation is
    /// capped at `ceiling`, which makes it stale for ownerships that begin later: the pod may have lost the slice without
    /// knowing.
    pub(crate) fn by_peer(by: Generation, before: Duration, requested_at: Timestamp, ceiling: Generation) -> Self {
        let before = u64::try_from(before.as_micros()).unwrap_or(u64::MAX);
        Self {
            by: by.min(ceiling),
            at: Timestamp::from_micros(requested_at.as_micros().saturating_sub(before)),
        }
    }

    /// The generation of the check and its age at `requested_at`, for another pod; `Duration::MAX` if the age is unknown.
    pub(crate) fn relative_to(self, requested_at: Timestamp) -> (Generation, Duration) {
        let before = match self.at {
            LONG_AGO => Duration::MAX,
            at => requested_at.since(at),
        };
        (self.by, before)
    }

    /// Whether `other` is the later check, and at no earlier generation.
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

    /// A share held since generation 3, in an epoch that began at generation 5.
    fn share(phase: Phase, serving_count: u32) -> Share {
        Share {
            phase,
            serving_count,
            epoch: generation(5),
            held_since: generation(3),
        }
    }

    fn is_fresh(freshness: Freshness, share: &Share, by: i64, at: Timestamp, now: Timestamp) -> bool {
        let fence = freshness.fence(share, generation(9), second(100));
        let checked = VersionCheck { by: generation(by), at };
        fence.accepts(checked, || now)
    }

    #[test]
    fn an_immutable_value_is_always_fresh() {
        let shared = share(Phase::Serving, 3);
        assert!(is_fresh(Freshness::Immutable, &shared, 1, second(0), second(9_999)));
    }

    #[test]
    fn a_value_written_by_owners_is_checked_in_each_epoch_and_again_after_former_owners_can_no_longer_write() {
        let owner = |by, at, now| {
            is_fresh(
                Freshness::OwnerWrites,
                &share(Phase::Serving, 1),
                by,
                second(at),
                second(now),
            )
        };
        assert!(!owner(4, 101, 101), "it was checked in an earlier epoch");
        assert!(
            owner(5, 101, 102),
            "a former owner may have written since, which is tolerated for seconds"
        );
        assert!(!owner(5, 101, 106));
        assert!(owner(5, 105, 9_999), "no other pod writes any more");
    }

    #[test]
    fn a_value_that_several_pods_may_write_is_fresh_for_a_second() {
        for share in [share(Phase::Serving, 2), share(Phase::Leaving, 1)] {
            let shared = |at, now| {
                let (at, now) = (Timestamp::from_millis(at), Timestamp::from_millis(now));
                is_fresh(Freshness::OwnerWrites, &share, 5, at, now)
            };
            assert!(shared(500_000, 500_999));
            assert!(!shared(500_000, 501_000));
        }
    }

    #[test]
    fn a_check_by_another_pod_keeps_its_age() {
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
            "it is older than this process's clock"
        );
        assert!(!fence.accepts(sent(u64::MAX), || second(101)));
        assert_eq!(
            sent(100).relative_to(second(101)).1,
            Duration::MAX,
            "the next pod must not take it for younger"
        );
    }

    #[test]
    fn the_owner_checks_again_what_another_pod_has_checked_unless_it_is_immutable() {
        let share = Share {
            held_since: generation(5),
            ..share(Phase::Serving, 1)
        };
        let now = second(200);
        let sent = VersionCheck::by_peer(generation(5), Duration::ZERO, now, generation(4));
        let is_fresh = |freshness: Freshness| freshness.fence(&share, generation(9), second(1)).accepts(sent, || now);
        assert!(!is_fresh(Freshness::OwnerWrites), "it was checked by a former owner");
        assert!(is_fresh(Freshness::Immutable));
    }

    #[test]
    fn a_later_check_by_an_earlier_owner_is_not_newer() {
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
    fn a_value_written_by_anyone_is_fresh_up_to_its_age_limit_whoever_owned_it() {
        let freshness = Freshness::RevalidateAfter(Duration::from_secs(60));
        let aged = |at, now| is_fresh(freshness, &share(Phase::Serving, 1), 1, second(at), second(now));
        assert!(aged(10, 69));
        assert!(!aged(10, 70));
    }
}
