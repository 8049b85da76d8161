//! Answered requests: the recent answers of a key, so that a repeated request has its effect once.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The recent requests of a key with their answers, oldest first. They are stored with the key's value, so that a change
/// and its answer are one write.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    requests: Vec<AnsweredRequest>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct AnsweredRequest {
    id: Box<[u8]>,
    /// Wall clock of the pod that answered, in milliseconds since 1970.
    at_unix_ms: u64,
    answer: Box<[u8]>,
}

/// How long answers are kept. A repeat after either limit has its effect again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnsweredLimits {
    /// Most requests kept for a key.
    pub count: usize,
    /// Longest time for which a request is kept.
    pub age: Duration,
}

impl Answered {
    /// The answer to the request of that id, if it is kept.
    #[must_use]
    pub fn answer_to(&self, id: &[u8]) -> Option<&[u8]> {
        let request = self.requests.iter().find(|request| *request.id == *id)?;
        Some(&request.answer)
    }

    /// These requests and one that is answered at `now_unix_ms`, without those beyond the limits.
    #[must_use]
    pub fn with(&self, id: &[u8], answer: &[u8], now_unix_ms: u64, limits: AnsweredLimits) -> Self {
        let age_ms = u64::try_from(limits.age.as_millis()).unwrap_or(u64::MAX);
        let is_young = |request: &&AnsweredRequest| now_unix_ms.saturating_sub(request.at_unix_ms) <= age_ms;
        let young: Vec<_> = self.requests.iter().filter(is_young).collect();
        let surplus = (young.len() + 1).saturating_sub(limits.count.max(1));
        let newest = AnsweredRequest {
            id: id.into(),
            at_unix_ms: now_unix_ms,
            answer: answer.into(),
        };
        let kept = young.into_iter().skip(surplus).cloned();
        Self {
            requests: kept.chain([newest]).collect(),
        }
    }

    /// Whether no request is kept.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Approximate size in memory, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        let of_one = |request: &AnsweredRequest| size_of::<AnsweredRequest>() + request.id.len() + request.answer.len();
        self.requests.iter().map(of_one).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: AnsweredLimits = AnsweredLimits {
        count: 3,
        age: Duration::from_secs(60),
    };

    #[test]
    fn a_kept_request_has_its_answer() {
        let answered = Answered::default()
            .with(b"a", b"1", 0, LIMITS)
            .with(b"b", b"2", 1, LIMITS);
        assert_eq!(answered.answer_to(b"a"), Some(&b"1"[..]));
        assert_eq!(answered.answer_to(b"b"), Some(&b"2"[..]));
        assert_eq!(answered.answer_to(b"c"), None);
    }

    #[test]
    fn the_oldest_request_goes_when_there_are_too_many() {
        let ids = [b"a", b"b", b"c", b"d"];
        let answered = ids
            .iter()
            .fold(Answered::default(), |answered, id| answered.with(*id, b"", 0, LIMITS));
        assert_eq!(answered.answer_to(b"a"), None);
        assert!(ids[1..].iter().all(|id| answered.answer_to(*id).is_some()));
    }

    #[test]
    fn expired_requests_go_with_the_next_answer() {
        let answered = Answered::default().with(b"a", b"", 0, LIMITS);
        assert!(answered.with(b"b", b"", 60_000, LIMITS).answer_to(b"a").is_some());
        assert!(answered.with(b"b", b"", 60_001, LIMITS).answer_to(b"a").is_none());
    }

    #[test]
    fn a_clock_that_is_behind_expires_no_request() {
        let answered = Answered::default().with(b"a", b"", 90_000, LIMITS);
        assert!(answered.with(b"b", b"", 0, LIMITS).answer_to(b"a").is_some());
    }
}
