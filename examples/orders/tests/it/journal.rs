//! All external effects recorded by the partners, to be compared with the orders.

use std::collections::HashSet;

use emberkeep_example_orders::partners::{Kind, ListReply};
use emberkeep_example_orders::pb::{Order, Stage};

/// The facts of all orders, in order.
pub(crate) struct RecordedFacts {
    /// The idempotency key and kind of each fact.
    pub(crate) facts: Vec<(String, Kind)>,
    pub(crate) call_count: u64,
}

impl RecordedFacts {
    pub(crate) fn new(reply: ListReply) -> Self {
        let facts = reply.entries.into_iter();
        let recorded = Self {
            facts: facts
                .map(|entry| (entry.idempotency_key.clone(), entry.kind()))
                .collect(),
            call_count: reply.call_count,
        };
        let keys: HashSet<&str> = recorded.facts.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(
            keys.len(),
            recorded.facts.len(),
            "an effect happened twice: {:?}",
            recorded.facts
        );
        recorded
    }

    /// The facts of one order: `step`, `step refused`, `step barred` or `step/undo`.
    pub(crate) fn of(&self, order_id: &str) -> Vec<String> {
        let of_order = self.facts.iter().filter_map(|(key, kind)| {
            let step = key.strip_prefix(order_id)?.strip_prefix('/')?;
            Some(match kind {
                Kind::Refusal => format!("{step} refused"),
                Kind::Bar => format!("{step} barred"),
                Kind::Effect | Kind::Unspecified => step.to_owned(),
            })
        });
        of_order.collect()
    }

    /// Panics unless the order is settled and agrees with its facts.
    pub(crate) fn check(&self, order: &Order) {
        let facts = self.of(&order.order_id);
        let is_undo = |fact: &&String| fact.ends_with("/undo");
        let undone: Vec<&str> = facts.iter().filter_map(|fact| fact.strip_suffix("/undo")).collect();
        let mut done: Vec<&str> = facts
            .iter()
            .filter(|fact| !is_undo(fact) && !fact.contains(' '))
            .map(String::as_str)
            .collect();
        match order.stage() {
            Stage::Finished => assert_eq!(facts, ["reserve", "charge", "ship"]),
            Stage::Cancelled => {
                assert_eq!(undone, order.undone, "{facts:?}");
                done.reverse();
                let barred_first = undone.len() - done.len();
                assert_eq!(
                    undone[barred_first..],
                    done,
                    "all that was done is undone in reverse: {facts:?}"
                );
                assert!(barred_first <= 1, "{facts:?}");
            }
            stage => panic!("{} is still {stage:?}", order.order_id),
        }
    }
}
