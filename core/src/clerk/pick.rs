//! The pick: one of several pods that all serve a key.

use crate::assignment::PodIndex;

/// How a pod stands at the moment of a pick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PodScore {
    /// Pods of a lower rank are only asked where there are none of a higher one.
    pub rank: Rank,
    /// Requests that were sent to it and are not answered yet.
    pub in_flight: u64,
}

/// How gladly a pod is asked, most gladly first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// In the caller's zone.
    Near,
    /// In another zone.
    Far,
    /// It failed this very request a moment ago.
    Failed,
}

/// The pod to ask, by power of two choices: of two pods drawn at random, the one with fewer requests in flight.
/// Nearly as even as asking for the least of all, but callers who do not know of each other never all run to the same
/// pod (Mitzenmacher 1996). Only pods of the best rank are drawn. `chance` is a random number.
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

/// Two numbers below `count`, which are distinct where there are two.
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
        fn another_zone_is_asked_only_where_the_own_has_no_pod(chance in any::<u64>()) {
            let far_but_idle = |pod: PodIndex| match pod.0 {
                1 => near(1_000),
                _ => PodScore { rank: Rank::Far, in_flight: 0 },
            };
            prop_assert_eq!(pick(&PODS, far_but_idle, chance), Some(PodIndex(1)));
            prop_assert!(pick(&PODS[2..], far_but_idle, chance).is_some());
        }
    }

    #[test]
    fn all_idle_pods_get_their_share() {
        let mut counts = [0; 4];
        for draw in 0..4_000_u64 {
            // Knuth's multiplier spreads the draws over all 64 bits.
            let chance = draw.wrapping_mul(6_364_136_223_846_793_005);
            counts[pick(&PODS, |_| near(0), chance).unwrap().as_usize()] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }

    #[test]
    fn nobody_is_picked_where_nobody_serves_and_the_only_one_always_is() {
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
