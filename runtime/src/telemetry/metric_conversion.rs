//! Converts the metrics of a Prometheus registry to OTLP.
//!
//! | Prometheus | OTLP |
//! | --- | --- |
//! | counter | cumulative monotonic sum |
//! | gauge | gauge |
//! | histogram | cumulative histogram with explicit bounds |
//!
//! Names and labels stay the same, so that queries and dashboards do.

use std::time::SystemTime;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum, metric,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prometheus::proto::{Histogram as BucketCounts, Metric as Series, MetricFamily, MetricType};

use super::CollectorLink;

/// The times of all data points of one export, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy)]
struct ExportTimes {
    started: u64,
    now: u64,
}

/// The request that exports `families`, whose counters began at 0 at `started_at`.
pub(super) fn export_request(
    link: &CollectorLink,
    families: &[MetricFamily],
    started_at: SystemTime,
    now: SystemTime,
) -> ExportMetricsServiceRequest {
    let times = ExportTimes {
        started: nanos(started_at),
        now: nanos(now),
    };
    let attributes = link.resource().iter();
    let attributes = attributes.map(|(key, value)| attribute(key.as_str(), &value.as_str()));
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource {
                attributes: attributes.collect(),
                ..Resource::default()
            }),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(InstrumentationScope {
                    name: "emberkeep".to_owned(),
                    ..InstrumentationScope::default()
                }),
                metrics: families.iter().filter_map(|family| metric_of(family, times)).collect(),
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    }
}

/// `None` for a summary or a metric without type, which Emberkeep has not.
fn metric_of(family: &MetricFamily, times: ExportTimes) -> Option<Metric> {
    let all = family.get_metric().iter();
    let temporality = AggregationTemporality::Cumulative.into();
    let data = match family.get_field_type() {
        MetricType::COUNTER => metric::Data::Sum(Sum {
            data_points: all
                .map(|series| number(series, series.get_counter().get_value(), times))
                .collect(),
            aggregation_temporality: temporality,
            is_monotonic: true,
        }),
        MetricType::GAUGE => metric::Data::Gauge(Gauge {
            data_points: all
                .map(|series| number(series, series.get_gauge().get_value(), times))
                .collect(),
        }),
        MetricType::HISTOGRAM => metric::Data::Histogram(Histogram {
            data_points: all
                .map(|series| histogram(series, series.get_histogram(), times))
                .collect(),
            aggregation_temporality: temporality,
        }),
        MetricType::SUMMARY | MetricType::UNTYPED => return None,
    };
    Some(Metric {
        name: family.name().to_owned(),
        description: family.help().to_owned(),
        data: Some(data),
        ..Metric::default()
    })
}

fn number(series: &Series, value: f64, times: ExportTimes) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes_of(series),
        start_time_unix_nano: times.started,
        time_unix_nano: times.now,
        value: Some(Number::AsDouble(value)),
        ..NumberDataPoint::default()
    }
}

/// The counts of Prometheus' buckets include all lower buckets, those of OTLP do not; only OTLP lists the last bucket,
/// without a bound.
fn histogram(series: &Series, counts: &BucketCounts, times: ExportTimes) -> HistogramDataPoint {
    let bounded = counts
        .get_bucket()
        .iter()
        .filter(|bucket| bucket.upper_bound().is_finite());
    let mut bounds = Vec::new();
    let mut bucket_counts = Vec::new();
    let mut below = 0;
    for bucket in bounded {
        bounds.push(bucket.upper_bound());
        bucket_counts.push(bucket.cumulative_count().saturating_sub(below));
        below = bucket.cumulative_count();
    }
    bucket_counts.push(counts.get_sample_count().saturating_sub(below));
    HistogramDataPoint {
        attributes: attributes_of(series),
        start_time_unix_nano: times.started,
        time_unix_nano: times.now,
        // The sum of the buckets must be the count, even if a bucket was incremented while they were read.
        count: bucket_counts.iter().sum(),
        sum: Some(counts.get_sample_sum()),
        bucket_counts,
        explicit_bounds: bounds,
        ..HistogramDataPoint::default()
    }
}

fn attributes_of(series: &Series) -> Vec<KeyValue> {
    let labels = series.get_label().iter();
    labels.map(|label| attribute(label.name(), label.value())).collect()
}

fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}

fn nanos(time: SystemTime) -> u64 {
    let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use prometheus::{HistogramOpts, IntCounter, IntGauge, Opts, Registry};

    use super::super::ServiceIdentity;
    use super::*;

    fn registered() -> Registry {
        let registry = Registry::new();
        let opts = Opts::new("emberkeep_test_requests_total", "Requests.").const_label("target", "t");
        let requests = IntCounter::with_opts(opts).unwrap();
        requests.inc_by(3);
        let keys = IntGauge::new("emberkeep_test_keys", "Keys.").unwrap();
        keys.set(7);
        let opts = HistogramOpts::new("emberkeep_test_seconds", "Time.").buckets(vec![0.5, 1.0]);
        let seconds = prometheus::Histogram::with_opts(opts).unwrap();
        for time in [0.25, 0.75, 0.75, 8.0] {
            seconds.observe(time);
        }
        registry.register(Box::new(requests)).unwrap();
        registry.register(Box::new(keys)).unwrap();
        registry.register(Box::new(seconds)).unwrap();
        registry
    }

    #[tokio::test]
    async fn each_kind_of_metric_has_its_counterpart() {
        let identity = ServiceIdentity {
            name: "test".to_owned(),
            instance: "1".to_owned(),
        };
        let link = CollectorLink::new(&"http://127.0.0.1:1".parse().unwrap(), identity);
        let started = SystemTime::UNIX_EPOCH;
        let mut request = export_request(&link, &registered().gather(), started, SystemTime::now());
        let resource = request.resource_metrics.remove(0);
        let mut process = resource.resource.unwrap().attributes;
        process.sort_by(|one, other| one.key.cmp(&other.key));
        let expected = [attribute("service.instance.id", "1"), attribute("service.name", "test")];
        assert_eq!(process, expected);
        let [keys, requests, seconds] = resource.scope_metrics[0].metrics.as_slice() else {
            panic!("three metrics, sorted by name");
        };
        assert_eq!((&*keys.name, &*keys.description), ("emberkeep_test_keys", "Keys."));
        let Some(metric::Data::Gauge(gauge)) = &keys.data else {
            panic!("{keys:?}");
        };
        assert_eq!(gauge.data_points[0].value, Some(Number::AsDouble(7.0)));
        let Some(metric::Data::Sum(sum)) = &requests.data else {
            panic!("{requests:?}");
        };
        assert!(sum.is_monotonic);
        assert_eq!(sum.data_points[0].attributes, [attribute("target", "t")]);
        assert_eq!(sum.data_points[0].value, Some(Number::AsDouble(3.0)));
        let Some(metric::Data::Histogram(histogram)) = &seconds.data else {
            panic!("{seconds:?}");
        };
        let point = &histogram.data_points[0];
        assert_eq!(point.explicit_bounds, [0.5, 1.0]);
        assert_eq!(point.bucket_counts, [1, 2, 1]);
        assert_eq!((point.count, point.sum), (4, Some(9.75)));
    }
}
