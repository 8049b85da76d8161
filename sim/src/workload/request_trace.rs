//! A recorded workload in memory: its requests and their distinct keys.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::sync::Arc;
use std::time::Duration;

use super::{Request, TraceError, TraceFault, TraceReader};

const WEB12_EXCERPT: &str = include_str!("excerpts/web12_excerpt.csv");

/// A whole trace: at least one request, ordered by time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestTrace {
    requests: Vec<Request>,
    keys: Vec<Arc<str>>,
}

impl RequestTrace {
    /// Reads a whole CSV file with the header `at_ms,key,load`; an error names its line.
    pub fn read(input: impl BufRead) -> Result<Self, TraceError> {
        let mut reader = TraceReader::try_new(input)?;
        let mut interned = KeyInterner::default();
        let mut requests = Vec::new();
        for request in reader.by_ref() {
            let mut request = request?;
            request.key = interned.key(request.key);
            requests.push(request);
        }
        if requests.is_empty() {
            let line = reader.line();
            let fault = TraceFault::NoRequest;
            return Err(TraceError { line, fault });
        }
        let keys = interned.first_seen;
        Ok(Self { requests, keys })
    }

    /// The built-in excerpt: 5,000 requests to a web application, 10 ms apart.
    ///
    /// The first rows of cache2k's `web12` recording as shipped with Caffeine's simulator (Apache-2.0).
    pub fn web12_excerpt() -> Self {
        Self::read(WEB12_EXCERPT.as_bytes()).expect("the excerpt is part of this crate and tested")
    }

    /// The requests, ordered by time.
    pub fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// The distinct keys, in the order of their first request.
    pub fn keys(&self) -> &[Arc<str>] {
        &self.keys
    }

    /// The time from the beginning of the trace to its last request.
    pub fn duration(&self) -> Duration {
        let last = self.requests.last();
        Duration::from_millis(last.map_or(0, |request| request.at_ms))
    }
}

/// One allocation for each distinct key.
#[derive(Default)]
struct KeyInterner {
    known: BTreeSet<Arc<str>>,
    first_seen: Vec<Arc<str>>,
}

impl KeyInterner {
    fn key(&mut self, key: Arc<str>) -> Arc<str> {
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        self.known.insert(key.clone());
        self.first_seen.push(key.clone());
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(trace: &str) -> Result<RequestTrace, TraceError> {
        RequestTrace::read(trace.as_bytes())
    }

    #[test]
    fn keys_are_listed_once_in_the_order_of_their_first_request() {
        let trace = read("at_ms,key,load\n0,b,1\n1,a,1\n2,b,1\n5,c,1\n").unwrap();
        let keys: Vec<&str> = trace.keys().iter().map(AsRef::as_ref).collect();
        assert_eq!(keys, ["b", "a", "c"]);
        assert_eq!(trace.duration(), Duration::from_millis(5));
    }

    #[test]
    fn a_key_is_allocated_once_for_all_its_requests() {
        let trace = read("at_ms,key,load\n0,a,1\n1,a,1\n").unwrap();
        let [first, second] = trace.requests() else {
            panic!("two rows are two requests");
        };
        assert!(Arc::ptr_eq(&first.key, &second.key));
    }

    #[test]
    fn a_trace_without_requests_is_rejected() {
        let error = read("at_ms,key,load\n").unwrap_err();
        assert_eq!(error.to_string(), "line 2: the trace has a header but no request");
    }

    #[test]
    fn the_excerpt_matches_its_readme() {
        let trace = RequestTrace::web12_excerpt();
        assert_eq!(trace.requests().len(), 5_000);
        assert_eq!(trace.keys().len(), 2_268);
        assert_eq!(trace.duration(), Duration::from_millis(49_990));
        assert!(trace.requests().iter().all(|request| request.load_milli == 1_000));
    }
}
