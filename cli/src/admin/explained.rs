//! What the leader decided, would decide, and why, as text and as JSON.

use emberkeep_proto::pb;
use serde_json::{Value, json};

use super::report::Report;

pub(super) fn decisions(explained: &pb::ExplainTargetResponse) -> Report {
    Report::Story {
        text: explained.text.clone(),
        json: json!({
            "now": explained.outlook,
            "troubles": explained.troubles,
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
    fn a_plan_that_changes_nothing_says_so() {
        let planned = pb::PlanTargetResponse {
            generation: 7,
            changes: false,
            report: "no slice moved".to_owned(),
        };
        assert_eq!(text(&plan(&planned)), "after generation 7: nothing would change\n");
    }
}
