//! Answers of the admin service as tables and records.

use emberkeep_core::load::Load;
use emberkeep_core::quantity_text::PerSecond;
use emberkeep_proto::pb;
use serde_json::Value;

use super::keys;
use super::report::{AdminReport, NamedValues, ReportPart, ValueTable};

pub(super) fn targets(found: &pb::ListTargetsResponse) -> AdminReport {
    let records: Vec<NamedValues> = found.targets.iter().map(summary).collect();
    let columns = summary(&pb::TargetSummary::default());
    AdminReport::List(ValueTable {
        columns: columns.into_iter().map(|(name, _)| name).collect(),
        rows: records.into_iter().map(values).collect(),
    })
}

pub(super) fn target(found: &pb::DescribeTargetResponse) -> AdminReport {
    let overview = summary(&found.summary.clone().unwrap_or_default());
    let settings = settings_of(&found.settings.unwrap_or_default());
    let pods = ValueTable {
        columns: vec![
            "pod", "address", "zone", "serving", "warming", "yielding", "leaving", "draining",
        ],
        rows: found.pods.iter().map(pod_row).collect(),
    };
    let mut parts = vec![
        ("target", ReportPart::Record(overview)),
        ("settings", ReportPart::Record(settings)),
        ("pods", ReportPart::Table(pods)),
    ];
    if !found.pins.is_empty() {
        parts.push(("pins", ReportPart::Table(pins(&found.pins))));
    }
    if !found.poisoned.is_empty() {
        parts.push(("poisoned", ReportPart::Table(poisoned(&found.poisoned))));
    }
    AdminReport::Parts(parts)
}

pub(super) fn cluster(found: &pb::DescribeClusterResponse) -> AdminReport {
    let overview = vec![
        ("leader", found.leader.into()),
        ("term", found.term.into()),
        ("answered_by", found.answering_member.into()),
    ];
    let row = |member: &pb::Member| {
        let leads = found.leader == Some(member.id);
        vec![member.id.into(), member.address.clone().into(), leads.into()]
    };
    let members = ValueTable {
        columns: vec!["id", "address", "leads"],
        rows: found.members.iter().map(row).collect(),
    };
    AdminReport::Parts(vec![
        ("cluster", ReportPart::Record(overview)),
        ("members", ReportPart::Table(members)),
    ])
}

pub(super) fn loads(found: &pb::DescribeLoadResponse) -> AdminReport {
    let parts = |names: [&'static str; 3], printed: fn(u64) -> Value| {
        let [mean, tolerance, load] = names;
        let overview = vec![
            (mean, printed(found.mean_milli)),
            (tolerance, printed(found.tolerance_milli)),
        ];
        let pods = ValueTable {
            columns: vec!["pod", load],
            rows: found
                .pods
                .iter()
                .map(|pod| vec![pod.pod.clone().into(), printed(pod.load_milli)])
                .collect(),
        };
        AdminReport::Parts(vec![
            ("load", ReportPart::Record(overview)),
            ("pods", ReportPart::Table(pods)),
        ])
    };
    let rate = |milli| PerSecond(Load::from_milli(milli)).to_string().into();
    AdminReport::Text {
        text: parts(["mean", "tolerance", "load"], rate).shown(false),
        json: parts(["mean_milli", "tolerance_milli", "load_milli"], Value::from).json(),
    }
}

fn pins(found: &[pb::Pin]) -> ValueTable {
    let row = |pin: &pb::Pin| {
        let slice = pin.slice.clone().unwrap_or_default();
        vec![keys::printed(&slice).into(), pin.pod.clone().into()]
    };
    ValueTable {
        columns: vec!["range", "pod"],
        rows: found.iter().map(row).collect(),
    }
}

fn poisoned(found: &[pb::Slice]) -> ValueTable {
    ValueTable {
        columns: vec!["range"],
        rows: found.iter().map(|slice| vec![keys::printed(slice).into()]).collect(),
    }
}

fn summary(target: &pb::TargetSummary) -> NamedValues {
    vec![
        ("target", target.target.clone().into()),
        ("generation", target.generation.into()),
        ("slices", target.slice_count.into()),
        ("pods", target.pod_count.into()),
        ("frozen", target.is_frozen.into()),
    ]
}

fn values(record: NamedValues) -> Vec<Value> {
    record.into_iter().map(|(_, value)| value).collect()
}

fn pod_row(status: &pb::PodStatus) -> Vec<Value> {
    let pod = status.pod.clone().unwrap_or_default();
    vec![
        pod.name.into(),
        pod.address.into(),
        pod.zone.into(),
        status.serving_count.into(),
        status.warming_count.into(),
        status.yielding_count.into(),
        status.leaving_count.into(),
        status.is_draining.into(),
    ]
}

fn settings_of(settings: &pb::TargetSettings) -> NamedValues {
    vec![
        ("key_mode", mode_name(settings.key_mode().as_str_name(), "KEY_MODE_")),
        (
            "ownership",
            mode_name(settings.ownership().as_str_name(), "OWNERSHIP_MODE_"),
        ),
        ("max_load_hint_milli", settings.max_load_hint_milli.into()),
        ("imbalance", mode_name(settings.imbalance().as_str_name(), "IMBALANCE_")),
        ("min_replicas", settings.min_replicas.into()),
        ("max_replicas", settings.max_replicas.into()),
        ("slices_per_pod_min", settings.slices_per_pod_min.into()),
        ("gather_ms", settings.gather_ms.into()),
        ("balance_interval_ms", settings.balance_interval_ms.into()),
        ("settle_ms", settings.settle_ms.into()),
        ("join_grace_ms", settings.join_grace_ms.into()),
        ("emergency_interval_ms", settings.emergency_interval_ms.into()),
        ("heartbeat_interval_ms", settings.heartbeat_interval_ms.into()),
        ("load_report_interval_ms", settings.load_report_interval_ms.into()),
        ("missed_heartbeats_max", settings.missed_heartbeats_max.into()),
        ("dead_after_ms", settings.dead_after_ms.into()),
        ("leader_grace_ms", settings.leader_grace_ms.into()),
        ("mass_failure_share", settings.mass_failure_share.into()),
        ("leave_linger_ms", settings.leave_linger_ms.into()),
        ("drain_timeout_ms", settings.drain_timeout_ms.into()),
        ("transfer", settings.transfer.into()),
        ("warm_share_thousandths", settings.warm_share_thousandths.into()),
        ("warm_timeout_ms", settings.warm_timeout_ms.into()),
        ("warming_per_pod_max", settings.warming_per_pod_max.into()),
        ("warming_max", settings.warming_max.into()),
        // Null without a limit.
        (
            "store_requests_per_second",
            settings
                .store_requests_per_second
                .filter(|requests| *requests > 0)
                .into(),
        ),
        (
            "misroute",
            mode_name(settings.misroute().as_str_name(), "MISROUTE_MODE_"),
        ),
    ]
}

/// The word of a mode: its name in the protocol without the prefix of its enum, null if it is unspecified.
fn mode_name(name: &str, prefix: &str) -> Value {
    match name.strip_prefix(prefix) {
        None | Some("UNSPECIFIED") => Value::Null,
        Some(word) => word.to_lowercase().into(),
    }
}
