//! Reads a request trace row by row, holding one row in memory.

use std::io::{BufRead, Read};

use super::limits::{KEY_BYTES_MAX, LINE_BYTES_MAX};
use super::load_milli::load_milli_from;
use super::request::Request;
use super::{TraceError, TraceFault};

const HEADER: &str = "at_ms,key,load";
const BYTE_ORDER_MARK: char = '\u{feff}';

/// An iterator over the requests of a CSV file with the columns `at_ms,key,load`.
///
/// Rows must be ordered by time. The error of the first invalid line is the last item.
pub struct TraceReader<R> {
    input: R,
    line: u64,
    previous_ms: u64,
    is_done: bool,
}

impl<R: BufRead> TraceReader<R> {
    /// Reads and validates the header.
    pub fn try_new(input: R) -> Result<Self, TraceError> {
        let mut reader = Self {
            input,
            line: 0,
            previous_ms: 0,
            is_done: false,
        };
        match reader.read_header() {
            Ok(()) => Ok(reader),
            Err(fault) => Err(reader.at_this_line(fault)),
        }
    }

    /// The number of the last line read; the header is line 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    fn read_header(&mut self) -> Result<(), TraceFault> {
        let found = self.next_line()?.ok_or(TraceFault::Empty)?;
        if found.trim_start_matches(BYTE_ORDER_MARK) != HEADER {
            return Err(TraceFault::Header { found });
        }
        Ok(())
    }

    fn next_request(&mut self) -> Result<Option<Request>, TraceFault> {
        let Some(row) = self.next_line()? else {
            return Ok(None);
        };
        let request = request_from(&row)?;
        if request.at_ms < self.previous_ms {
            return Err(TraceFault::OutOfOrder {
                at_ms: request.at_ms,
                previous_ms: self.previous_ms,
            });
        }
        self.previous_ms = request.at_ms;
        Ok(Some(request))
    }

    /// The next line without its line ending; `None` at the end of the file.
    fn next_line(&mut self) -> Result<Option<String>, TraceFault> {
        self.line += 1;
        let mut bytes = Vec::new();
        let read = self
            .input
            .by_ref()
            .take(LINE_BYTES_MAX as u64 + 1)
            .read_until(b'\n', &mut bytes);
        match read {
            Err(error) => Err(TraceFault::Unreadable {
                reason: error.to_string(),
            }),
            Ok(0) => Ok(None),
            Ok(byte_count) if byte_count > LINE_BYTES_MAX => Err(TraceFault::LineTooLong),
            Ok(_) => text_from(bytes).map(Some),
        }
    }

    fn at_this_line(&self, fault: TraceFault) -> TraceError {
        TraceError { line: self.line, fault }
    }
}

impl<R: BufRead> Iterator for TraceReader<R> {
    type Item = Result<Request, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let request = self.next_request();
        self.is_done = !matches!(request, Ok(Some(_)));
        request.map_err(|fault| self.at_this_line(fault)).transpose()
    }
}

fn text_from(bytes: Vec<u8>) -> Result<String, TraceFault> {
    let mut text = String::from_utf8(bytes).map_err(|_| TraceFault::NotText)?;
    let end = text.trim_end_matches(['\n', '\r']).len();
    text.truncate(end);
    Ok(text)
}

fn request_from(row: &str) -> Result<Request, TraceFault> {
    let fields: Vec<&str> = row.split(',').collect();
    let &[at_ms, key, load] = fields.as_slice() else {
        return Err(TraceFault::FieldCount { found: fields.len() });
    };
    Ok(Request {
        at_ms: at_ms_from(at_ms)?,
        key: checked_key(key)?.into(),
        load_milli: load_milli_from(load)?,
    })
}

fn at_ms_from(text: &str) -> Result<u64, TraceFault> {
    match text.parse() {
        Ok(at_ms) if !text.starts_with('+') => Ok(at_ms),
        _ => Err(TraceFault::AtNotANumber { at_ms: text.into() }),
    }
}

fn checked_key(key: &str) -> Result<&str, TraceFault> {
    match key.len() {
        0 => Err(TraceFault::KeyEmpty),
        byte_count if byte_count > KEY_BYTES_MAX => Err(TraceFault::KeyTooLong { byte_count }),
        _ if key.starts_with('"') => Err(TraceFault::KeyQuoted { key: key.into() }),
        _ => Ok(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(trace: &str) -> Result<Vec<Request>, TraceError> {
        TraceReader::try_new(trace.as_bytes())?.collect()
    }

    fn error_of(trace: &str) -> String {
        rows(trace).unwrap_err().to_string()
    }

    fn request(at_ms: u64, key: &str, load_milli: u64) -> Request {
        Request {
            at_ms,
            key: key.into(),
            load_milli,
        }
    }

    #[test]
    fn rows_become_requests_in_order() {
        let read = rows("at_ms,key,load\n0,a,1\n0,b b,2.5\n7,ä,0.001").unwrap();
        let expected = [request(0, "a", 1_000), request(0, "b b", 2_500), request(7, "ä", 1)];
        assert_eq!(read, expected);
    }

    #[test]
    fn windows_line_endings_and_a_byte_order_mark_are_ignored() {
        let read = rows("\u{feff}at_ms,key,load\r\n3,a,1\r\n").unwrap();
        assert_eq!(read, [request(3, "a", 1_000)]);
    }

    #[test]
    fn each_error_names_its_line() {
        let cases = [
            (
                "",
                "line 1: the trace is empty, it must begin with the header at_ms,key,load",
            ),
            ("0,a,1\n", "line 1: the header is \"0,a,1\", it must be at_ms,key,load"),
            (
                "at_ms,key,load\n0,a\n",
                "line 2: expected 3 fields, found 2; a row is at_ms,key,load",
            ),
            (
                "at_ms,key,load\n0,a,1,2\n",
                "line 2: expected 3 fields, found 4; a row is at_ms,key,load",
            ),
            (
                "at_ms,key,load\n0,a,1\n\n",
                "line 3: expected 3 fields, found 1; a row is at_ms,key,load",
            ),
            (
                "at_ms,key,load\n1.5,a,1\n",
                "line 2: at_ms \"1.5\" is not a whole number of milliseconds; a row is at_ms,key,load",
            ),
            (
                "at_ms,key,load\n+1,a,1\n",
                "line 2: at_ms \"+1\" is not a whole number of milliseconds; a row is at_ms,key,load",
            ),
            (
                "at_ms,key,load\n5,a,1\n4,a,1\n",
                "line 3: at_ms 4 is before 5, the time of the row above; rows are ordered by time",
            ),
            (
                "at_ms,key,load\n0,,1\n",
                "line 2: the key is empty; a row is at_ms,key,load",
            ),
            (
                "at_ms,key,load\n0,\"a\",1\n",
                "line 2: the key \"\\\"a\\\"\" is quoted, write it without quotes",
            ),
            (
                "at_ms,key,load\n0,a,abc\n",
                "line 2: load \"abc\" is not a number; a row is at_ms,key,load",
            ),
            ("at_ms,key,load\n0,a,0\n", "line 2: load is 0, it must be above 0"),
        ];
        for (trace, expected) in cases {
            assert_eq!(error_of(trace), expected);
        }
    }

    #[test]
    fn a_key_of_512_bytes_is_the_longest() {
        let trace = |length| format!("at_ms,key,load\n0,{},1\n", "k".repeat(length));
        assert!(rows(&trace(512)).is_ok());
        assert_eq!(
            error_of(&trace(513)),
            "line 2: the key has 513 bytes, at most 512 are allowed"
        );
    }

    #[test]
    fn an_endless_line_is_rejected_without_reading_it_all() {
        let endless = std::io::BufReader::new(std::io::repeat(b'x'));
        let error = TraceReader::try_new(endless).err().unwrap();
        assert_eq!(error.fault, TraceFault::LineTooLong);
    }

    #[test]
    fn invalid_utf_8_is_rejected() {
        let mut reader = TraceReader::try_new(&b"at_ms,key,load\n0,\xff,1\n"[..]).unwrap();
        let error = reader.next().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "line 2: the line is not valid UTF-8");
    }

    #[test]
    fn reading_ends_at_the_first_error() {
        let mut reader = TraceReader::try_new(&b"at_ms,key,load\n0,a\n0,a,1\n"[..]).unwrap();
        assert!(reader.next().unwrap().is_err());
        assert!(reader.next().is_none());
    }

    fn any_requests() -> impl Strategy<Value = Vec<Request>> {
        let row = (0u64..100_000, "[^,\"\r\n\u{feff}][^,\r\n]{0,40}", 1u64..);
        proptest::collection::vec(row, 0..50).prop_map(|mut rows| {
            rows.sort_by_key(|(at_ms, ..)| *at_ms);
            rows.iter()
                .map(|(at_ms, key, load_milli)| request(*at_ms, key, *load_milli))
                .collect()
        })
    }

    proptest! {
        #[test]
        fn written_requests_are_read_back(requests in any_requests()) {
            let mut trace = String::from("at_ms,key,load\n");
            for Request { at_ms, key, load_milli } in &requests {
                let (units, milli) = (load_milli / 1_000, load_milli % 1_000);
                trace += &format!("{at_ms},{key},{units}.{milli:03}\n");
            }
            prop_assert_eq!(rows(&trace), Ok(requests));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in any::<Vec<u8>>()) {
            let trace = [&b"at_ms,key,load\n"[..], &bytes].concat();
            for request in TraceReader::try_new(&trace[..]).unwrap() {
                prop_assert!(request.is_err() || request.unwrap().load_milli > 0);
            }
        }
    }
}
