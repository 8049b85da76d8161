//! Registration of collectors at construction.

use prometheus::Registry;
use prometheus::core::Collector;

/// Registers a collector and returns a handle on it.
///
/// # Panics
/// When a name or label is invalid or registered twice: names and labels are constants, so the first start shows it.
pub(super) fn registered<C: Collector + Clone + 'static>(registry: &Registry, collector: prometheus::Result<C>) -> C {
    let collector = collector.expect("names and labels are constants and valid");
    registry
        .register(Box::new(collector.clone()))
        .expect("each name is registered once");
    collector
}
