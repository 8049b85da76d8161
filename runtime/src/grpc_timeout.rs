//! The header `grpc-timeout`: the deadline that a gRPC request carries.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};

/// The timeout in the header `grpc-timeout`: up to eight digits and a unit. `None` if it is absent or malformed. (gRPC
/// over HTTP/2, "Requests".)
#[must_use]
pub fn of_headers(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    let is_number = (1..=8).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    let count: u64 = digits.parse().ok().filter(|_| is_number)?;
    match unit {
        "H" => Some(Duration::from_secs(count * 60 * 60)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

/// The header value for a timeout, in the finest unit for which eight digits suffice. It is rounded down, so that the
/// server never has more time than the caller.
#[must_use]
pub fn header_of(timeout: Duration) -> HeaderValue {
    const COUNT_MAX: u128 = 99_999_999;
    let seconds = u128::from(timeout.as_secs());
    let units = [
        (timeout.as_nanos(), 'n'),
        (timeout.as_micros(), 'u'),
        (timeout.as_millis(), 'm'),
        (seconds, 'S'),
        (seconds / 60, 'M'),
    ];
    let fitting = units.into_iter().find(|(count, _)| *count <= COUNT_MAX);
    let (count, unit) = fitting.unwrap_or((COUNT_MAX.min(seconds / 60 / 60), 'H'));
    HeaderValue::try_from(format!("{count}{unit}")).expect("digits and a letter are allowed in a header")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_timeout_is_never_read_back_as_longer() {
        for (timeout, value) in [
            (Duration::ZERO, "0n"),
            (Duration::from_millis(99), "99000000n"),
            (Duration::from_millis(250), "250000u"),
            (Duration::new(60, 999_999_999), "60999999u"),
            (Duration::from_secs(86_400), "86400000m"),
            (Duration::from_secs(99_999_999), "99999999S"),
            (Duration::MAX, "99999999H"),
        ] {
            assert_eq!(header_of(timeout), value);
            assert!(read(value).is_some_and(|read| read <= timeout), "{value}");
        }
    }

    fn read(value: &str) -> Option<Duration> {
        let headers = [(http::HeaderName::from_static("grpc-timeout"), value.parse().unwrap())];
        of_headers(&headers.into_iter().collect())
    }

    #[test]
    fn every_unit_of_grpc_is_read() {
        assert_eq!(read("2H"), Some(Duration::from_secs(7_200)));
        assert_eq!(read("3M"), Some(Duration::from_secs(180)));
        assert_eq!(read("99999999S"), Some(Duration::from_secs(99_999_999)));
        assert_eq!(read("5m"), Some(Duration::from_millis(5)));
        assert_eq!(read("82100u"), Some(Duration::from_micros(82_100)));
        assert_eq!(read("7n"), Some(Duration::from_nanos(7)));
    }

    #[test]
    fn a_malformed_timeout_is_none() {
        for bad in ["", "S", "5", "-5S", "+5S", "5 S", "123456789S", "5x"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(of_headers(&HeaderMap::new()), None);
    }
}
