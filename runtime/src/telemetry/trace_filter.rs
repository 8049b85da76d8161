//! Decides which spans exist, before they are created.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::SampleRatio;
use crate::trace_context::targets::{ALWAYS_RECORDED, MAY_BEGIN_TRACE, PART_OF_TRACE};

/// A layer for all others of a subscriber: of Emberkeep's spans, those of sampled requests exist. The spans of other
/// requests are never created, and cost a comparison and a random number.
///
/// It is not a filter of one layer: where each layer has its own, the subscriber creates a span that they all refuse. An
/// OpenTelemetry layer beside it should keep the decision of the parent and record every other span.
#[derive(Debug, Clone, Copy)]
pub struct TraceFilter {
    ratio: SampleRatio,
}

/// Set by the first filter: from then on the decision not to sample a request is sent with it.
static IS_INSTALLED: AtomicBool = AtomicBool::new(false);

impl TraceFilter {
    /// Installs the filter: from now on, requests carry its decisions to other processes.
    #[must_use]
    pub fn install(ratio: SampleRatio) -> Self {
        IS_INSTALLED.store(true, Relaxed);
        Self { ratio }
    }

    pub(crate) fn is_installed() -> bool {
        IS_INSTALLED.load(Relaxed)
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for TraceFilter {
    fn enabled(&self, metadata: &Metadata<'_>, context: Context<'_, S>) -> bool {
        match metadata.target() {
            PART_OF_TRACE => is_in_trace(&context),
            MAY_BEGIN_TRACE => is_in_trace(&context) || self.ratio.samples(),
            _ => true,
        }
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        match metadata.target() {
            PART_OF_TRACE | MAY_BEGIN_TRACE => Interest::sometimes(),
            _ => Interest::always(),
        }
    }

    /// That of its own spans: other layers say what else they need.
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }
}

/// Whether the present span, or one around it, is one of Emberkeep's.
fn is_in_trace<S: Subscriber + for<'a> LookupSpan<'a>>(context: &Context<'_, S>) -> bool {
    let is_ours = |target| matches!(target, ALWAYS_RECORDED | PART_OF_TRACE | MAY_BEGIN_TRACE);
    let present = context.lookup_current();
    present.is_some_and(|present| present.scope().any(|span| is_ours(span.metadata().target())))
}

#[cfg(test)]
mod tests {
    use tracing::debug_span;
    use tracing_subscriber::filter::LevelFilter;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn filtered(ratio: f64, record: impl FnOnce()) {
        let filter = TraceFilter::install(SampleRatio::try_new(ratio).unwrap());
        // Two layers with filters of their own, as the log and the export have.
        let subscriber = tracing_subscriber::registry()
            .with(tracing_subscriber::fmt::layer().with_filter(LevelFilter::OFF))
            .with(filter.and_then(tracing_subscriber::fmt::layer().with_filter(LevelFilter::DEBUG)));
        tracing::subscriber::with_default(subscriber, record);
    }

    #[test]
    fn a_request_that_is_not_sampled_has_no_span() {
        filtered(0.0, || {
            let request = debug_span!(target: MAY_BEGIN_TRACE, "request");
            assert!(request.is_disabled());
            request.in_scope(|| assert!(debug_span!(target: PART_OF_TRACE, "load").is_disabled()));
        });
    }

    #[test]
    fn a_sampled_request_has_spans_and_so_has_all_below_a_rare_operation() {
        filtered(1.0, || {
            let request = debug_span!(target: MAY_BEGIN_TRACE, "request");
            request.in_scope(|| assert!(!debug_span!(target: PART_OF_TRACE, "load").is_disabled()));
        });
        filtered(0.0, || {
            let pull = debug_span!(target: ALWAYS_RECORDED, "pull");
            pull.in_scope(|| assert!(!debug_span!(target: MAY_BEGIN_TRACE, "request").is_disabled()));
        });
    }
}
