//! With the feature `otlp`: trace context is read from requests and written to them.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry::Context;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::telemetry::TraceFilter;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The longest header that is parsed. `traceparent` has 55 bytes; receivers need not propagate a `tracestate` of more
/// than 512.
const HEADER_SIZE_MAX: usize = 512;

pub(super) fn span_of_request(
    headers: &HeaderMap,
    begins: impl FnOnce() -> Span,
    continues: impl FnOnce() -> Span,
) -> Span {
    let Some(sender) = sender_of(headers) else {
        return begins();
    };
    if !sender.span().span_context().is_sampled() {
        return Span::none();
    }
    let span = continues();
    // Fails where no layer exports the span: then there is nothing to continue.
    let _ = span.set_parent(sender);
    span
}

pub(super) fn inject(span: &Span, headers: &mut HeaderMap) {
    let context = match span.is_disabled() {
        true => Span::current().context(),
        false => span.context(),
    };
    if context.span().span_context().is_valid() {
        headers.remove(TRACESTATE);
        propagator().inject_context(&context, &mut HeaderWriter(headers));
    } else if TraceFilter::is_installed() && !headers.contains_key(TRACEPARENT) {
        propagator().inject_context(&not_sampled(), &mut HeaderWriter(headers));
    }
}

pub(super) fn trace_id(span: &Span) -> Option<String> {
    let context = span.context();
    let span = context.span();
    let context = span.span_context();
    context.is_valid().then(|| context.trace_id().to_string())
}

/// The context of the sender's span; `None` without a valid one.
fn sender_of(headers: &HeaderMap) -> Option<Context> {
    if !headers.contains_key(TRACEPARENT) {
        return None;
    }
    let context = propagator().extract_with_context(&Context::new(), &HeaderReader(headers));
    context.span().span_context().is_valid().then_some(context)
}

/// A new trace that is not sampled. Its ids are random: receivers may use them in their logs.
fn not_sampled() -> Context {
    Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from(rand::random_range(1..=u128::MAX)),
        SpanId::from(rand::random_range(1..=u64::MAX)),
        TraceFlags::NOT_SAMPLED,
        false,
        TraceState::NONE,
    ))
}

fn propagator() -> TraceContextPropagator {
    TraceContextPropagator::new()
}

struct HeaderReader<'a>(&'a HeaderMap);

impl Extractor for HeaderReader<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let value = self.0.get(key)?;
        value.to_str().ok().filter(|text| text.len() <= HEADER_SIZE_MAX)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct HeaderWriter<'a>(&'a mut HeaderMap);

impl Injector for HeaderWriter<'_> {
    fn set(&mut self, key: &str, value: String) {
        let name = match key {
            "traceparent" => TRACEPARENT,
            "tracestate" if !value.is_empty() => TRACESTATE,
            _ => return,
        };
        if let Ok(mut value) = HeaderValue::try_from(value) {
            // A value that differs in each request would only evict others from the table of HTTP/2's header compression.
            value.set_sensitive(true);
            self.0.insert(name, value);
        }
    }
}
