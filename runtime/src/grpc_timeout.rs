//! The deadline that a gRPC request carries.

use std::time::Duration;

use http::HeaderMap;

/// The time that the header `grpc-timeout` allows: up to eight digits and a unit. `None` if it is not there or cannot
/// be read. (gRPC over HTTP/2, "Requests".)
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn what_is_no_timeout_is_none() {
        for bad in ["", "S", "5", "-5S", "+5S", "5 S", "123456789S", "5x"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(of_headers(&HeaderMap::new()), None);
    }
}
