//! Decides which spans are recorded, before they are created.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

use super::SampleRatio;
use crate::trace_context::targets::{ALWAYS_RECORDED, MAY_BEGIN_TRACE, PART_OF_TRACE};

/// A filter of an OpenTelemetry layer, which records the spans of sampled requests. The spans of other requests are
/// never created, and cost a comparison and a random number.
///
/// The layer's own sampler should keep the decision of the parent and record every other span.
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

impl<S: Subscriber + for<'a> LookupSpan<'a>> Filter<S> for TraceFilter {
    fn enabled(&self, metadata: &Metadata<'_>, context: &Context<'_, S>) -> bool {
        let has_parent = || context.lookup_current().is_some();
        match metadata.target() {
            ALWAYS_RECORDED => metadata.is_span(),
            PART_OF_TRACE => metadata.is_span() && has_parent(),
            MAY_BEGIN_TRACE => metadata.is_span() && (has_parent() || self.ratio.samples()),
            _ => false,
        }
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        match metadata.target() {
            ALWAYS_RECORDED if metadata.is_span() => Interest::always(),
            PART_OF_TRACE | MAY_BEGIN_TRACE if metadata.is_span() => Interest::sometimes(),
            _ => Interest::never(),
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }
}
