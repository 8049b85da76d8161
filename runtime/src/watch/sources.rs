//! The sources of a watcher.

use std::collections::VecDeque;

/// The most learned sources that are kept beside the configured ones.
const LEARNED_MAX: usize = 1_024;

/// Sources in round-robin order, from a random start, so that watchers spread over them.
#[derive(Debug)]
pub(super) struct Sources {
    queue: VecDeque<Source>,
}

#[derive(Debug)]
struct Source {
    url: String,
    /// Configured sources are never removed.
    is_configured: bool,
}

impl Sources {
    /// Only configured sources, from a random start.
    pub(super) fn new(urls: Vec<String>) -> Self {
        let queue = urls.into_iter().map(|url| Source {
            url,
            is_configured: true,
        });
        let mut sources = Self { queue: queue.collect() };
        let start = random_below(sources.queue.len());
        sources.queue.rotate_left(start);
        sources
    }

    /// The next source in the round.
    pub(super) fn next(&mut self) -> Option<String> {
        let next = self.queue.pop_front()?;
        let url = next.url.clone();
        self.queue.push_back(next);
        Some(url)
    }

    /// Adds a learned source at a random position of the round, before the source used last. Does nothing if the source
    /// is known or [`LEARNED_MAX`] is reached.
    pub(super) fn add(&mut self, url: String) {
        let learned_count = self.queue.iter().filter(|source| !source.is_configured).count();
        if learned_count < LEARNED_MAX && self.queue.iter().all(|source| source.url != url) {
            let position = random_below(self.queue.len());
            let is_configured = false;
            self.queue.insert(position, Source { url, is_configured });
        }
    }

    /// Removes a source that failed, unless it is configured. It may be learned again.
    pub(super) fn on_failed(&mut self, url: &str) {
        self.queue.retain(|source| source.is_configured || source.url != url);
    }
}

/// A random number below `end`; zero if `end` is zero.
fn random_below(end: usize) -> usize {
    if end == 0 { 0 } else { rand::random_range(0..end) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_has_each_source_once() {
        let mut sources = Sources::new(vec!["a".into(), "b".into()]);
        sources.add("c".into());
        sources.add("c".into());
        let mut round: Vec<_> = (0..3).filter_map(|_| sources.next()).collect();
        round.sort();
        assert_eq!(round, ["a", "b", "c"]);
    }

    #[test]
    fn a_learned_source_comes_before_the_source_used_last() {
        let mut sources = Sources::new(vec!["a".into()]);
        sources.next();
        sources.add("b".into());
        assert_eq!(sources.next(), Some("b".into()));
    }

    #[test]
    fn a_failed_source_is_removed_unless_it_is_configured() {
        let mut sources = Sources::new(vec!["a".into()]);
        sources.add("b".into());
        sources.on_failed("a");
        sources.on_failed("b");
        assert_eq!([sources.next(), sources.next()], [Some("a".into()), Some("a".into())]);
    }

    #[test]
    fn without_sources_there_is_no_next() {
        assert_eq!(Sources::new(vec![]).next(), None);
    }
}
