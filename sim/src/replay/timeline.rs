//! The moments at which decisions are made.

use std::collections::BTreeMap;

use crate::load_trace::{LoadTrace, TimedChange};

/// A moment at which a decision is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// In milliseconds since the trace began.
    pub at_ms: u64,
    /// Whether it is a balancing round; otherwise pods joined or left between two rounds.
    pub is_round: bool,
}

/// Every `decide_every` from 0 on, and whenever pods join or leave, up to the end of the trace.
pub(super) fn moments(trace: &LoadTrace) -> impl Iterator<Item = Moment> {
    let every_ms = usize::try_from(trace.decide_every_ms()).unwrap_or(usize::MAX);
    let rounds = (0..trace.end_ms()).step_by(every_ms).map(|at_ms| (at_ms, true));
    let is_of_pods = |timed: &&TimedChange| timed.change.is_of_pods() && timed.at_ms < trace.end_ms();
    let repairs = trace
        .changes()
        .iter()
        .filter(is_of_pods)
        .map(|timed| (timed.at_ms, false));
    // Where both fall on one moment it is a round, so rounds are inserted last.
    let moments: BTreeMap<u64, bool> = repairs.chain(rounds).collect();
    moments.into_iter().map(|(at_ms, is_round)| Moment { at_ms, is_round })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_made_in_each_round_and_whenever_pods_change() {
        let trace = concat!(
            r#"{"at_ms":0,"event":"config","max_load_hint":1,"imbalance":"TIGHT","min_replicas":1,"max_replicas":1,"decide_every_ms":5000}"#,
            "\n",
            r#"{"at_ms":0,"event":"pods_added","pods":["a"]}"#,
            "\n",
            r#"{"at_ms":100,"event":"load_set","loads":[["0000000000000001",1]]}"#,
            "\n",
            r#"{"at_ms":5000,"event":"pods_added","pods":["b"]}"#,
            "\n",
            r#"{"at_ms":7000,"event":"pods_drained","pods":["b"]}"#,
            "\n",
            r#"{"at_ms":10000,"event":"pods_added","pods":["b"]}"#,
            "\n",
            r#"{"at_ms":10000,"event":"end"}"#,
            "\n"
        );
        let trace = LoadTrace::read(trace.as_bytes()).unwrap();
        let moments: Vec<_> = moments(&trace).map(|moment| (moment.at_ms, moment.is_round)).collect();
        assert_eq!(moments, [(0, true), (5_000, true), (7_000, false)]);
    }
}
