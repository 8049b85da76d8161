//! Whom a watcher may ask.

use std::collections::VecDeque;

/// The most sources that are remembered beyond the configured ones.
const LEARNED_MAX: usize = 1_024;

/// Sources in the order in which they are asked: round and round, from a random start, so that watchers spread.
#[derive(Debug)]
pub(super) struct Sources {
    queue: VecDeque<Source>,
}

#[derive(Debug)]
struct Source {
    url: String,
    /// Configured, so never forgotten.
    is_lasting: bool,
}

impl Sources {
    /// The configured sources.
    pub(super) fn new(urls: Vec<String>) -> Self {
        let queue = urls.into_iter().map(|url| Source { url, is_lasting: true });
        let mut sources = Self { queue: queue.collect() };
        let start = random_below(sources.queue.len());
        sources.queue.rotate_left(start);
        sources
    }

    /// Who is asked next.
    pub(super) fn next(&mut self) -> Option<String> {
        let next = self.queue.pop_front()?;
        let url = next.url.clone();
        self.queue.push_back(next);
        Some(url)
    }

    /// Remembers a source, to be asked before the one that was asked last is asked again. One that is known already,
    /// or one too many, changes nothing.
    pub(super) fn learn(&mut self, url: String) {
        let learned_count = self.queue.iter().filter(|source| !source.is_lasting).count();
        if learned_count < LEARNED_MAX && self.queue.iter().all(|source| source.url != url) {
            let place = random_below(self.queue.len());
            let is_lasting = false;
            self.queue.insert(place, Source { url, is_lasting });
        }
    }

    /// A source failed: unless it is configured, it is forgotten until it is learned again.
    pub(super) fn forget(&mut self, url: &str) {
        self.queue.retain(|source| source.is_lasting || source.url != url);
    }
}

/// Zero if there is nothing below `end`.
fn random_below(end: usize) -> usize {
    if end == 0 { 0 } else { rand::random_range(0..end) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_is_asked_in_a_round() {
        let mut sources = Sources::new(vec!["a".into(), "b".into()]);
        sources.learn("c".into());
        sources.learn("c".into());
        let mut round: Vec<_> = (0..3).filter_map(|_| sources.next()).collect();
        round.sort();
        assert_eq!(round, ["a", "b", "c"]);
    }

    #[test]
    fn a_learned_source_is_asked_before_the_last_one_is_asked_again() {
        let mut sources = Sources::new(vec!["a".into()]);
        sources.next();
        sources.learn("b".into());
        assert_eq!(sources.next(), Some("b".into()));
    }

    #[test]
    fn a_learned_source_that_fails_is_forgotten_and_a_configured_one_is_not() {
        let mut sources = Sources::new(vec!["a".into()]);
        sources.learn("b".into());
        sources.forget("a");
        sources.forget("b");
        assert_eq!([sources.next(), sources.next()], [Some("a".into()), Some("a".into())]);
    }

    #[test]
    fn without_sources_nobody_is_asked() {
        assert_eq!(Sources::new(vec![]).next(), None);
    }
}
