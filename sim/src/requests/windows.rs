//! Windows: the worst share of hits in ten seconds after pods joined or left.

/// The requests of one second, without the first request for each key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct SecondCounts {
    pub(super) request_count: u64,
    pub(super) hit_count: u64,
}

/// The length of a window, and the latest start of one after a change.
const WINDOW_SECONDS: usize = 10;

/// The least share of hits in any ten seconds that begin within ten seconds after a change, at a whole second and
/// before the end of the run; `None` where there is no such window with a request.
pub(super) fn worst_share(seconds: &[SecondCounts], changes_ms: &[u64]) -> Option<f64> {
    let begins = changes_ms.iter().flat_map(|at_ms| {
        let first = usize::try_from(at_ms / 1_000).unwrap_or(usize::MAX);
        first..first.saturating_add(WINDOW_SECONDS)
    });
    let windows = begins.filter_map(|begin| seconds.get(begin..begin.saturating_add(WINDOW_SECONDS)));
    windows.filter_map(share_of).min_by(f64::total_cmp)
}

fn share_of(window: &[SecondCounts]) -> Option<f64> {
    let request_count: u64 = window.iter().map(|second| second.request_count).sum();
    let hit_count: u64 = window.iter().map(|second| second.hit_count).sum();
    (request_count > 0).then(|| hit_count as f64 / request_count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds of ten requests each, with that many hits.
    fn seconds(hits: &[u64]) -> Vec<SecondCounts> {
        let second = |hit_count: &u64| SecondCounts {
            request_count: 10,
            hit_count: *hit_count,
        };
        hits.iter().map(second).collect()
    }

    #[test]
    fn only_windows_after_a_change_count() {
        let mut hits = [10; 40];
        hits[0] = 0;
        hits[25] = 0;
        hits[26] = 5;
        let seconds = seconds(&hits);
        assert_eq!(worst_share(&seconds, &[]), None);
        assert_eq!(worst_share(&seconds, &[7_999]), Some(0.9), "seconds 16 to 25");
        assert_eq!(worst_share(&seconds, &[17_000]), Some(0.85));
        assert_eq!(worst_share(&seconds, &[1_000]), Some(1.0));
    }

    #[test]
    fn a_window_beyond_the_end_does_not_count() {
        let seconds = seconds(&[10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 0]);
        assert_eq!(worst_share(&seconds, &[0]), Some(0.9));
        assert_eq!(worst_share(&seconds, &[2_000]), None);
        assert_eq!(worst_share(&vec![SecondCounts::default(); 20], &[0]), None);
    }
}
