//! Parsing sizes: `4096`, `4KiB`, `256MiB`, `2GiB`.

/// Parses a whole number of bytes above zero, with or without a unit.
///
/// # Errors
/// A sentence with the allowed forms.
pub(crate) fn byte_count_from(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (count, unit) = text.split_at(digits);
    let unit_bytes = match unit {
        "" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    let count = count.parse::<u64>().ok();
    let bytes = count
        .zip(unit_bytes)
        .and_then(|(count, unit_bytes)| count.checked_mul(unit_bytes));
    bytes
        .filter(|bytes| (1..=BYTES_MAX).contains(bytes))
        .ok_or_else(|| "write a number of bytes, as 4096, 4KiB, 256MiB or 2GiB, up to 1048576GiB".to_owned())
}

/// A pebibyte; a larger size is rejected as a typing error.
const BYTES_MAX: u64 = 1 << 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_is_parsed() {
        let cases = [
            ("1", 1),
            ("4096", 4_096),
            ("4KiB", 4_096),
            ("3MiB", 3 << 20),
            ("1048576GiB", 1 << 50),
        ];
        for (text, bytes) in cases {
            assert_eq!(byte_count_from(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn other_forms_are_refused_with_the_allowed_ones() {
        for text in [
            "",
            "0",
            "KiB",
            "-1",
            "1.5GiB",
            "3 MiB",
            "4kb",
            "1048577GiB",
            "99999999999999999999",
        ] {
            assert!(byte_count_from(text).unwrap_err().contains("4096, 4KiB"), "{text}");
        }
    }
}
