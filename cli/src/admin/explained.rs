//! What the leader decided, would decide, and why, as text and as JSON.

use std::fmt::Write as _;
use std::time::Duration;

use emberkeep_proto::pb;
use serde_json::{Value, json};

use super::report::Report;

pub(super) fn decisions(explained: &pb::ExplainTargetResponse) -> Report {
    let mut text = String::new();
    for decision in &explained.decisions {
        let _ = writeln!(text, "generation {}, {}\n", decision.generation, told(decision));
    }
    if let Some(idle) = &explained.idle {
        let _ = writeln!(text, "nothing had to change {}\n", told(idle));
    }
    let _ = writeln!(text, "now: {}", explained.outlook);
    Report::Story {
        text,
        json: json!({
            "now": explained.outlook,
            "decisions": explained.decisions.iter().map(in_json).collect::<Vec<_>>(),
            "nothing_changed": explained.idle.as_ref().map(in_json),
        }),
    }
}

pub(super) fn plan(planned: &pb::PlanTargetResponse) -> Report {
    let outcome = match planned.changes {
        true => planned.report.as_str(),
        false => "nothing would change",
    };
    Report::Story {
        text: format!("after generation {}: {outcome}\n", planned.generation),
        json: json!({
            "generation": planned.generation,
            "changes": planned.changes,
            "report": planned.report,
        }),
    }
}

fn told(decision: &pb::Decision) -> String {
    let age = Duration::from_millis(decision.age_ms);
    format!("{:.1} s ago: {}", age.as_secs_f64(), decision.report)
}

fn in_json(decision: &pb::Decision) -> Value {
    json!({
        "generation": decision.generation,
        "age_ms": decision.age_ms,
        "report": decision.report,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(report: &Report) -> &str {
        match report {
            Report::Story { text, .. } => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn decisions_are_told_in_order_and_end_with_what_is_now() {
        let decision = |generation, report: &str| pb::Decision {
            generation,
            age_ms: 1_250,
            report: report.to_owned(),
        };
        let explained = pb::ExplainTargetResponse {
            outlook: "nothing is decided: an operator has frozen the target".to_owned(),
            decisions: vec![decision(1, "2 slices moved\n  [a, b): to pod-1"), decision(2, "one")],
            idle: Some(decision(0, "balanced")),
        };
        let expected = "generation 1, 1.2 s ago: 2 slices moved\n  [a, b): to pod-1\n\ngeneration 2, 1.2 s ago: one\n\n\
             nothing had to change 1.2 s ago: balanced\n\nnow: nothing is decided: an operator has frozen the target\n";
        assert_eq!(text(&decisions(&explained)), expected);
    }

    #[test]
    fn a_plan_that_changes_nothing_says_so() {
        let planned = pb::PlanTargetResponse {
            generation: 7,
            changes: false,
            report: "no slice moved".to_owned(),
        };
        assert_eq!(text(&plan(&planned)), "after generation 7: nothing would change\n");
    }
}
