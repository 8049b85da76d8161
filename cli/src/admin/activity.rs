//! The activity of a target as JSON.

use emberkeep_proto::pb;
use serde_json::{Value, json};

use super::keys;

pub(super) fn in_json(activity: &pb::DescribeActivityResponse) -> Value {
    json!({
        "generation": activity.generation,
        "leader": activity.leader,
        "term": activity.term,
        "now": activity.status,
        "troubles": activity.troubles,
        "load_milli": activity.total_milli,
        "band_lower_milli": activity.band_lower_milli,
        "band_upper_milli": activity.band_upper_milli,
        "budget_used_thousandths": activity.budget_used_thousandths,
        "pods": activity.pods.iter().map(pod_json).collect::<Vec<_>>(),
        "moves": activity.moves.iter().map(move_json).collect::<Vec<_>>(),
        "move_count": activity.move_count,
    })
}

fn pod_json(pod: &pb::PodActivity) -> Value {
    json!({
        "pod": pod.pod,
        "condition": pod.condition,
        "load_milli": pod.load_milli,
        "capacity_milli": pod.capacity_milli,
        "planned_load_milli": pod.planned_load_milli,
        "serving": pod.serving_count,
        "warming": pod.warming_count,
        "yielding": pod.yielding_count,
        "leaving": pod.leaving_count,
        "warm_share_thousandths": pod.warm_share_thousandths,
    })
}

fn move_json(moving: &pb::MoveActivity) -> Value {
    let warming = moving.warming.clone().unwrap_or_default();
    json!({
        "slice": moving.slice.as_ref().map(keys::printed),
        "from": warming.source,
        "to": moving.to,
        "queued": warming.is_queued,
        "warm_share_thousandths": warming.heat_share_thousandths,
    })
}
