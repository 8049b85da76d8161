//! A registry of metrics that can list all of them, also those without a value yet.
//!
//! `Registry::gather` omits a labelled metric until one of its label values has been used, so it cannot generate the
//! reference page of metrics.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus::Registry;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{MetricFamily, MetricType};

/// The description of a metric, known before it has a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetricDescription {
    /// The full name, such as `emberkeep_assigner_moves_total`.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// The names of its labels, sorted.
    pub labels: Vec<String>,
    /// The help text of the exposition format.
    pub help: String,
}

/// A registry and the descriptions of what is registered in it. Copies share both.
#[derive(Debug, Clone, Default)]
pub struct MetricRegistry {
    registry: Registry,
    registered: Arc<Mutex<Registered>>,
}

#[derive(Debug, Default)]
struct Registered {
    descs: Vec<Desc>,
    descriptions: Vec<MetricDescription>,
}

impl MetricRegistry {
    /// Registers a metric of which the crate defines name and labels as constants.
    ///
    /// # Panics
    /// When the name or a label is not valid, or the name is registered already.
    pub fn registered<C: Collector + Clone + 'static>(&self, metric: prometheus::Result<C>) -> C {
        let metric = metric.expect("names and labels are constants and valid");
        self.registry
            .register(Box::new(metric.clone()))
            .expect("each name is registered once");
        let mut registered = self.lock();
        registered.descs.extend(metric.desc().into_iter().cloned());
        registered.descriptions.extend(described(&metric));
        metric
    }

    /// All registered metrics, sorted by name.
    #[must_use]
    pub fn descriptions(&self) -> Vec<MetricDescription> {
        let mut sorted = self.lock().descriptions.clone();
        sorted.sort();
        sorted
    }

    /// All registered metrics as one collector, to be registered in another registry.
    #[must_use]
    pub fn collector(&self) -> RegistryCollector {
        RegistryCollector {
            registry: self.registry.clone(),
            descs: self.lock().descs.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Registered> {
        self.registered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All metrics of a registry as one collector of another one.
#[derive(Debug, Clone)]
pub struct RegistryCollector {
    registry: Registry,
    descs: Vec<Desc>,
}

impl Collector for RegistryCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }
}

impl Deref for MetricRegistry {
    type Target = Registry;

    fn deref(&self) -> &Registry {
        &self.registry
    }
}

fn described(metric: &impl Collector) -> Vec<MetricDescription> {
    let families = metric.collect();
    let kind = families
        .first()
        .map_or("untyped", |family| kind(family.get_field_type()));
    let description = |desc: &&prometheus::core::Desc| {
        let constant = desc.const_label_pairs.iter().map(|label| label.name().to_owned());
        let mut labels: Vec<String> = constant.chain(desc.variable_labels.iter().cloned()).collect();
        labels.sort();
        MetricDescription {
            name: desc.fq_name.clone(),
            kind,
            labels,
            help: desc.help.clone(),
        }
    };
    metric.desc().iter().map(description).collect()
}

const fn kind(kind: MetricType) -> &'static str {
    match kind {
        MetricType::COUNTER => "counter",
        MetricType::GAUGE => "gauge",
        MetricType::HISTOGRAM => "histogram",
        MetricType::SUMMARY => "summary",
        MetricType::UNTYPED => "untyped",
    }
}

#[cfg(test)]
mod tests {
    use prometheus::{IntCounterVec, IntGauge, Opts};

    use super::*;

    #[test]
    fn a_labelled_metric_without_a_value_is_described() {
        let registry = MetricRegistry::default();
        let opts = Opts::new("emberkeep_test_moves_total", "Slices moved.").const_label("target", "t");
        registry.registered(IntCounterVec::new(opts, &["cause"]));
        registry.registered(IntGauge::new("emberkeep_test_is_leader", "1 on the leader."));
        assert_eq!(registry.gather().len(), 1, "the counter has no value");
        let described: Vec<_> = registry
            .descriptions()
            .into_iter()
            .map(|metric| (metric.name, metric.kind, metric.labels.join(" ")))
            .collect();
        let expected = [
            ("emberkeep_test_is_leader", "gauge", ""),
            ("emberkeep_test_moves_total", "counter", "cause target"),
        ];
        assert_eq!(
            described,
            expected.map(|(name, kind, labels)| (name.to_owned(), kind, labels.to_owned()))
        );
    }

    #[test]
    fn a_registry_is_registered_in_another_one_once_for_each_set_of_constant_labels() {
        let of_target = |target| {
            let registry = MetricRegistry::default();
            let opts = Opts::new("emberkeep_test_requests_total", "Requests.").const_label("target", target);
            registry.registered(prometheus::IntCounter::with_opts(opts)).inc();
            registry.collector()
        };
        let service = Registry::new();
        service.register(Box::new(of_target("users"))).unwrap();
        service.register(Box::new(of_target("groups"))).unwrap();
        service.register(Box::new(of_target("users"))).unwrap_err();
        let families = service.gather();
        assert_eq!(families.len(), 1);
        assert_eq!(families[0].get_metric().len(), 2);
    }
}
