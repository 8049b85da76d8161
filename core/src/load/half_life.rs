//! Exponential decay in integers, so that every machine computes the same.

use std::time::Duration;

/// Binary places of fixed-point numbers.
pub(crate) const PLACES: u32 = 32;
/// One as a fixed-point number.
pub(crate) const ONE: u64 = 1 << PLACES;

/// Binary places of [`ROOTS`].
const ROOT_PLACES: u32 = 63;

/// The square root of one half, the root of that, and so on: `ROOTS[i] = 2^(-2^-(i+1))`.
const ROOTS: [u64; PLACES as usize] = {
    let mut roots = [0; PLACES as usize];
    let mut square = 1_u128 << (2 * ROOT_PLACES - 1);
    let mut at = 0;
    while at < roots.len() {
        let root = square.isqrt();
        roots[at] = root as u64;
        square = root << ROOT_PLACES;
        at += 1;
    }
    roots
};

/// The part that remains after `elapsed`, `2^(-elapsed / half_life)`, with [`PLACES`] binary places: one multiplication by a
/// root for each binary digit of the exponent.
pub(crate) fn kept(elapsed: Duration, half_life: Duration) -> u64 {
    let (elapsed, half_life) = (elapsed.as_micros(), half_life.as_micros().max(1));
    let halvings = elapsed / half_life;
    if halvings >= u128::from(PLACES) {
        return 0;
    }
    let fraction = ((elapsed % half_life) << PLACES) / half_life;
    let mut factor = 1_u128 << ROOT_PLACES;
    for (at, root) in (1..).zip(ROOTS) {
        if fraction >> (PLACES - at) & 1 == 1 {
            factor = (factor * u128::from(root)) >> ROOT_PLACES;
        }
    }
    let places_left = ROOT_PLACES - PLACES;
    u64::try_from(factor >> places_left >> halvings).expect("a power with a negative exponent is at most one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_half_life_halves_the_rest() {
        let kept = |seconds| kept(Duration::from_secs(seconds), Duration::from_secs(10));
        assert_eq!(kept(10), ONE / 2);
        assert_eq!(kept(30), ONE / 8);
        let half_of_one = (u128::from(kept(5)) * u128::from(kept(5))) >> PLACES;
        assert!(half_of_one.abs_diff(u128::from(ONE / 2)) <= 2);
        assert_eq!((kept(0), kept(320)), (ONE, 0));
    }
}
