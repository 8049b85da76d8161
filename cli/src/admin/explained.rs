//! Decisions, plans and their reasons, as text and as JSON.

use emberkeep_proto::pb;
use serde_json::{Value, json};

use super::report::AdminReport;

pub(super) fn decisions(explained: &pb::ExplainTargetResponse) -> AdminReport {
    AdminReport::Text {
        text: explained.text.clone(),
        json: json!({
            "now": explained.status,
            "troubles": explained.troubles,
            "decisions": explained.decisions.iter().map(in_json).collect::<Vec<_>>(),
            "nothing_changed": explained.idle.as_ref().map(in_json),
        }),
    }
}

pub(super) fn plan(planned: &pb::PlanTargetResponse) -> AdminReport {
    let outcome = match planned.changes {
        true => planned.report.as_str(),
        false => "nothing would change",
    };
    AdminReport::Text {
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

    fn text(report: &AdminReport) -> &str {
        match report {
            AdminReport::Text { text, .. } => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_plan_without_changes_is_shown_as_such() {
        let planned = pb::PlanTargetResponse {
            generation: 7,
            changes: false,
            report: "no slice moved".to_owned(),
        };
        assert_eq!(text(&plan(&planned)), "after generation 7: nothing would change\n");
    }
}
