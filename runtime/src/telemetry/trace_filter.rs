//! Decides which spans are recorded, before they are created.

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber, dispatcher};
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

use super::SampleRatio;
use crate::trace_context::targets::{ALWAYS_RECORDED, MAY_BEGIN_TRACE, PART_OF_TRACE};

/// The filter of an OpenTelemetry layer: it enables Emberkeep's spans and nothing else, and holds the share of requests that
/// begin a trace.
///
/// A request that is not sampled creates no span at all, which costs a random number. That is decided where the span would
/// begin and not here, because a subscriber with several filtered layers creates even a span that all of them refuse. The
/// layer's own sampler should keep the decision of the parent and record every other span.
#[derive(Debug, Clone, Copy)]
pub struct TraceFilter {
    ratio: SampleRatio,
}

impl TraceFilter {
    /// A filter with this share. Requests carry its decisions to other processes.
    #[must_use]
    pub const fn new(ratio: SampleRatio) -> Self {
        Self { ratio }
    }

    /// The filter of the present subscriber; `None` if no layer has one.
    pub(crate) fn present() -> Option<Self> {
        dispatcher::get_default(|subscriber| subscriber.downcast_ref::<Self>().copied())
    }

    /// The decision for a request that is not part of a trace yet.
    pub(crate) fn samples(self) -> bool {
        self.ratio.samples()
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Filter<S> for TraceFilter {
    fn enabled(&self, metadata: &Metadata<'_>, context: &Context<'_, S>) -> bool {
        match metadata.target() {
            ALWAYS_RECORDED | MAY_BEGIN_TRACE => metadata.is_span(),
            PART_OF_TRACE => metadata.is_span() && context.lookup_current().is_some(),
            _ => false,
        }
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        match metadata.target() {
            ALWAYS_RECORDED | MAY_BEGIN_TRACE if metadata.is_span() => Interest::always(),
            PART_OF_TRACE if metadata.is_span() => Interest::sometimes(),
            _ => Interest::never(),
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }
}
