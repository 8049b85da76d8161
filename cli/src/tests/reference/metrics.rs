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
