//! Reading metrics: from a registry in this process, or from an HTTP page.

use std::fmt::Display;

use emberkeep_runtime::http_get;
use prometheus::Registry;
use prometheus::proto::{Metric, MetricType};

use crate::deadline::soon;

/// The value of a counter or gauge: of the series with that label value, or of the first series.
///
/// # Panics
/// If the registry has no such series.
pub fn metric_value(registry: &Registry, name: &str, label: Option<&str>) -> f64 {
    let families = registry.gather();
    let family = families.iter().find(|family| family.name() == name);
    let family = family.unwrap_or_else(|| panic!("no metric is named {name}"));
    let has_label =
        |metric: &&Metric| label.is_none_or(|label| metric.get_label().iter().any(|pair| pair.value() == label));
    let metric = family.get_metric().iter().find(has_label);
    let metric = metric.unwrap_or_else(|| panic!("{name} has no series with {label:?}"));
    match family.get_field_type() {
        MetricType::COUNTER => metric.get_counter().get_value(),
        MetricType::GAUGE => metric.get_gauge().get_value(),
        other => panic!("{name} is a {other:?}"),
    }
}

/// The whole HTTP answer to a GET: status line, headers and body.
///
/// # Panics
/// If no server answers at `address`.
pub async fn http_get(address: impl Display, path: &str) -> String {
    let answer = soon(http_get::http_get(&address, path)).await;
    answer.unwrap_or_else(|error| panic!("GET {path} at {address}: {error}"))
}
