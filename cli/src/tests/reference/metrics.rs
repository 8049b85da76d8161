//! The page of metrics, from the registries of the roles.

use emberkeep_runtime::metric_registry::MetricDescription;

use super::page::{ReferencePage, sentence};

pub(super) fn page() -> String {
    let mut page = ReferencePage::new("Metrics");
    page.paragraph(
        "Prometheus text format at `/metrics`. Beside each name its type and its labels. A labelled metric appears with its first \
         value.",
    );
    page.heading(2, "Assigner");
    page.paragraph("Each member serves them at the address of `emberkeep assigner --http`.");
    page.list(&items(&emberkeep_assigner::metric_descriptions()));
    page.heading(2, "Slicelet");
    page.paragraph(
        "Each pod serves them where `Builder::http_listen` says, or among the service's own metrics by `Slicelet::registry`.",
    );
    page.list(&items(&emberkeep_slicelet::metric_descriptions()));
    page.heading(2, "Clerk");
    page.paragraph(
        "`Clerk::collector` returns them for the registry of the client's process. The address that `emberkeep dev` prints serves \
         them for its own clients.",
    );
    page.list(&items(&emberkeep_clerk::metric_descriptions()));
    page.text()
}

fn items(metrics: &[MetricDescription]) -> Vec<String> {
    assert!(!metrics.is_empty());
    let item = |metric: &MetricDescription| {
        let labels = metric.labels.iter().map(|label| format!(", `{label}`"));
        let (name, kind, labels) = (&metric.name, metric.kind, labels.collect::<String>());
        format!("`{name}` ({kind}{labels}): {}", sentence(&metric.help))
    };
    metrics.iter().map(item).collect()
}

/// The conventions of Prometheus: base units, and `_total` for counters alone.
#[test]
fn every_metric_is_named_and_described_by_the_conventions() {
    let roles = [
        ("assigner", emberkeep_assigner::metric_descriptions()),
        ("slicelet", emberkeep_slicelet::metric_descriptions()),
        ("clerk", emberkeep_clerk::metric_descriptions()),
    ];
    for (role, metrics) in &roles {
        for MetricDescription {
            name,
            kind,
            labels,
            help,
        } in metrics
        {
            assert!(name.starts_with(&format!("emberkeep_{role}_")), "{name}");
            assert_eq!(*kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
            assert!(*kind != "histogram" || name.ends_with("_seconds"), "{name} has no unit");
            let has_other_unit = ["_ms", "_millis", "_minutes", "_kb", "_mib", "_percent"];
            assert!(!has_other_unit.iter().any(|unit| name.contains(unit)), "{name}");
            assert!(help.split_whitespace().count() >= 2, "{name}: {help:?}");
            assert!(
                help.starts_with(|first: char| first.is_uppercase() || first == '1'),
                "{name}: {help:?}"
            );
            assert!(
                !labels.iter().any(|label| label == "key"),
                "{name} has a series for each key"
            );
        }
    }
}
