//! The pick: chooses one of several pods that serve a key.

use crate::assignment::PodIndex;

/// The properties of a pod that a pick compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PodScore {
    /// Only pods of the best rank are picked.
    pub rank: Rank,
    /// Requests of this clerk that it has not answered yet.
    pub in_flight: u64,
}

/// The preference for a pod, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// It is in the caller's zone.
    Near,
    /// It is in another zone, or its zone is unknown.
    Far,
    /// An earlier attempt of the same request failed at it.
    Failed,
}

/// Picks a pod by the power of two choices: of two pods of the best rank drawn at random, the one with fewer requests in
/// flight. Nearly as even as the least loaded of all, but independent clerks do not all pick the same pod (Mitzenmacher
/// 1996). `chance` is a random number.
pub fn pick(serving: &[PodIndex], score: impl Fn(PodIndex) -> PodScore, chance: u64) -> Option<PodIndex> {
    if let [only] = serving {
        return Some(*only);
    }
    let best = serving.iter().map(|pod| score(*pod).rank).min()?;
    let drawable = || serving.iter().copied().filter(|pod| score(*pod).rank == best);
    let (first, second) = two_of(drawable().count() as u64, chance);
    let (first, second) = (drawable().nth(first)?, drawable().nth(second)?);
    let is_busier = score(first).in_flight > score(second).in_flight;
    Some(if is_busier { second } else { first })
}

/// Two numbers below `count`, distinct if `count` is at least 2.
fn two_of(count: u64, chance: u64) -> (usize, usize) {
    let (high, low) = (chance >> 32, chance & u64::from(u32::MAX));
    let first = low % count;
    let step = if count > 1 { 1 + high % (count - 1) } else { 0 };
    (first as usize, ((first + step) % count) as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PODS: [PodIndex; 4] = [PodIndex(0), PodIndex(1), PodIndex(2), PodIndex(3)];

    fn near(in_flight: u64) -> PodScore {
        PodScore {
            rank: Rank::Near,
            in_flight,
        }
    }

    proptest! {
        #[test]
        fn the_busiest_of_all_is_never_picked(chance in any::<u64>(), busiest in 0_u32..4) {
            let picked = pick(&PODS, |pod| near(u64::from(pod.0 == busiest)), chance);
            prop_assert_ne!(picked, Some(PodIndex(busiest)));
        }

        #[test]
        fn another_zone_is_picked_only_if_the_own_one_has_no_pod(chance in any::<u64>()) {
            let far_but_idle = |pod: PodIndex| match pod.0 {
                1 => near(1_000),
                _ => PodScore { rank: Rank::Far, in_flight: 0 },
            };
            prop_assert_eq!(pick(&PODS, far_but_idle, chance), Some(PodIndex(1)));
            prop_assert!(pick(&PODS[2..], far_but_idle, chance).is_some());
        }
    }

    #[test]
    fn idle_pods_are_picked_evenly() {
        let mut counts = [0; 4];
        for draw in 0..4_000_u64 {
            // Knuth's multiplier spreads the draws over all 64 bits.
            let chance = draw.wrapping_mul(6_364_136_223_846_793_005);
            counts[pick(&PODS, |_| near(0), chance).unwrap().as_usize()] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }

    #[test]
    fn no_pod_is_picked_without_owners_and_a_single_owner_always_is() {
        assert_eq!(pick(&[], |_| near(0), 7), None);
        assert_eq!(
            pick(
                &PODS[..1],
                |_| PodScore {
                    rank: Rank::Failed,
                    in_flight: 9
                },
                7
            ),
            Some(PodIndex(0))
        );
    }
}
