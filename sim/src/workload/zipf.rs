//! Zipf's law: the key of rank `r` has `r^-s` times the load of the first.

use emberkeep_core::load::Load;

/// Divides a load among keys by rank, the hottest first; `exponent` in thousandths, 0 for a uniform distribution.
///
/// Uses only products, quotients and square roots, which IEEE 754 rounds identically on all machines.
#[must_use]
pub(crate) fn zipf(total: Load, key_count: u64, exponent: u64) -> Vec<Load> {
    let parts: Vec<f64> = (1..=key_count).map(|rank| 1.0 / power(rank as f64, exponent)).collect();
    let sum: f64 = parts.iter().sum();
    let total = total.milli() as f64;
    let rates = parts.iter().map(|part| (total * part / sum + 0.5) as u64);
    rates.map(Load::from_milli).collect()
}

/// `base^(exponent / 1000)`, by one square root for each binary place of the exponent.
fn power(base: f64, exponent: u64) -> f64 {
    let whole = (0..exponent / 1_000).fold(1.0, |power, _| power * base);
    let (mut power, mut root, mut rest) = (whole, base, exponent % 1_000);
    for _ in 0..BINARY_PLACES {
        root = root.sqrt();
        rest *= 2;
        if rest >= 1_000 {
            power *= root;
            rest -= 1_000;
        }
    }
    power
}

/// With 20 places, the exponent is exact to a millionth.
const BINARY_PLACES: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_fall_with_the_rank_and_add_up() {
        let rates = zipf(Load::from_units(1_000), 500, 990);
        let sum: Load = rates.iter().copied().sum();
        assert!(sum.milli().abs_diff(1_000_000) < 500);
        let ratio = rates[0].milli() as f64 / rates[9].milli() as f64;
        assert!((ratio / 10_f64.powf(0.99) - 1.0).abs() < 0.001, "{ratio}");
        assert!(
            zipf(Load::from_units(10), 10, 0)
                .iter()
                .all(|rate| *rate == Load::from_units(1))
        );
    }
}
