//! Exact parsing of decimal loads into milli-units.

use super::TraceFault;

const MILLI_PER_UNIT: u64 = 1_000;
const DECIMALS_MAX: usize = 3;

/// Parses a positive decimal such as `2` or `0.125` into milli-units without rounding.
pub(super) fn load_milli_from(text: &str) -> Result<u64, TraceFault> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    if !is_digits(whole) || !is_digits(decimals) {
        return Err(TraceFault::LoadNotANumber { load: text.into() });
    }
    if decimals.len() > DECIMALS_MAX {
        return Err(TraceFault::LoadTooFine { load: text.into() });
    }
    match milli_from(whole, decimals) {
        None => Err(TraceFault::LoadTooLarge { load: text.into() }),
        Some(0) => Err(TraceFault::LoadZero),
        Some(load_milli) => Ok(load_milli),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `None` on overflow; both arguments consist of digits.
fn milli_from(whole: &str, decimals: &str) -> Option<u64> {
    let thousandths: u64 = format!("{decimals:0<DECIMALS_MAX$}").parse().ok()?;
    let units: u64 = whole.parse().ok()?;
    units.checked_mul(MILLI_PER_UNIT)?.checked_add(thousandths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_load_is_read_exactly() {
        let read = ["1", "007", "2.5", "0.001", "7258.125", "18446744073709551.615"]
            .map(|text| load_milli_from(text).unwrap());
        assert_eq!(read, [1_000, 7_000, 2_500, 1, 7_258_125, u64::MAX]);
    }

    #[test]
    fn invalid_loads_are_rejected_with_their_reason() {
        for text in ["", "abc", "-1", "+1", ".5", "5.", "1.2.3", "1e3", "NaN", " 1", "1 "] {
            let load = text.into();
            assert_eq!(load_milli_from(text), Err(TraceFault::LoadNotANumber { load }));
        }
        for text in ["0", "0.0", "000.000"] {
            assert_eq!(load_milli_from(text), Err(TraceFault::LoadZero));
        }
        for text in ["18446744073709551.616", "99999999999999999999999"] {
            let load = text.into();
            assert_eq!(load_milli_from(text), Err(TraceFault::LoadTooLarge { load }));
        }
        let load = "0.0001".into();
        assert_eq!(load_milli_from("0.0001"), Err(TraceFault::LoadTooFine { load }));
    }

    proptest! {
        #[test]
        fn every_load_survives_writing_and_reading(load_milli in 1u64..) {
            let text = format!("{}.{:03}", load_milli / 1_000, load_milli % 1_000);
            prop_assert_eq!(load_milli_from(&text), Ok(load_milli));
        }

        #[test]
        fn any_text_is_parsed_without_a_panic(text in any::<String>()) {
            let _ = load_milli_from(&text);
        }
    }
}
