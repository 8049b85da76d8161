//! With the feature `otlp`: trace context is read from requests and written to them.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::telemetry::TraceFilter;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The longest header that is parsed. `traceparent` has 55 bytes; receivers need not propagate a `tracestate` of more
/// than 512.
const HEADER_SIZE_MAX: usize = 512;

/// The end of a `traceparent` whose sender decided not to sample the request.
const NOT_SAMPLED: &[u8] = b"-00";

/// The bytes of a trace id.
const TRACE_ID_SIZE: usize = 16;

/// The bytes of a trace id and a span id.
const ID_SIZES: usize = TRACE_ID_SIZE + 8;

pub(super) fn span_of_request(
    headers: &HeaderMap,
    begins: impl FnOnce() -> Span,
    continues: impl FnOnce() -> Span,
) -> Span {
    match headers.get(TRACEPARENT) {
        None => begins(),
        // Nearly all requests: their context need not be parsed, nor be valid.
        Some(traceparent) if traceparent.as_bytes().ends_with(NOT_SAMPLED) => Span::none(),
        Some(_) => match sender_of(headers) {
            None => begins(),
            Some(sender) if !sender.span().span_context().is_sampled() => Span::none(),
            Some(sender) => {
                let span = continues();
                // Fails where no layer exports the span: then there is nothing to continue.
                let _ = span.set_parent(sender);
                span
            }
        },
    }
}

pub(super) fn sampled(begins: impl FnOnce() -> Span) -> Span {
    match TraceFilter::present() {
        Some(filter) if !is_in_trace(&Span::current()) && !filter.samples() => Span::none(),
        Some(_) | None => begins(),
    }
}

fn is_in_trace(span: &Span) -> bool {
    !span.is_none() && span.context().span().span_context().is_valid()
}

pub(super) fn inject(span: &Span, headers: &mut HeaderMap) {
    let context = match span.is_disabled() {
        true => Span::current().context(),
        false => span.context(),
    };
    if context.span().span_context().is_valid() {
        headers.remove(TRACESTATE);
        propagator().inject_context(&context, &mut HeaderWriter(headers));
    } else if TraceFilter::present().is_some() && !headers.contains_key(TRACEPARENT) {
        headers.insert(TRACEPARENT, not_sampled(rand::random()));
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
    let context = propagator().extract_with_context(&Context::new(), &HeaderReader(headers));
    context.span().span_context().is_valid().then_some(context)
}

/// A new trace that is not sampled, with random ids: receivers may use them in their logs. Written without the
/// propagator, which takes three times as long, because nearly each request has it.
fn not_sampled(random: [u8; ID_SIZES]) -> HeaderValue {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
    let (trace_id, span_id) = random.split_at(TRACE_ID_SIZE);
    for (id, start) in [(trace_id, 3), (span_id, 36)] {
        for (byte, digits) in id.iter().zip(text[start..].chunks_exact_mut(2)) {
            digits[0] = DIGITS[usize::from(byte >> 4)];
            digits[1] = DIGITS[usize::from(byte & 15)];
        }
    }
    let mut value = HeaderValue::from_bytes(&text).expect("digits and hyphens are valid");
    value.set_sensitive(true);
    value
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decision_not_to_sample_is_valid_and_unique() {
        let value = not_sampled(std::array::from_fn(|at| at as u8 * 10));
        assert_eq!(
            value.to_str().unwrap(),
            "00-000a141e28323c46505a646e78828c96-a0aab4bec8d2dce6-00"
        );
        let headers = HeaderMap::from_iter([(TRACEPARENT, value)]);
        let sender = sender_of(&headers).unwrap();
        assert!(!sender.span().span_context().is_sampled());
        assert_ne!(not_sampled(rand::random()), not_sampled(rand::random()));
    }

    #[test]
    fn an_oversized_state_is_dropped_and_the_trace_continued() {
        let headers = HeaderMap::from_iter([
            (
                TRACEPARENT,
                HeaderValue::from_static("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            ),
            (
                TRACESTATE,
                HeaderValue::try_from(format!("vendor={}", "x".repeat(HEADER_SIZE_MAX))).unwrap(),
            ),
        ]);
        let sender = sender_of(&headers).unwrap();
        assert_eq!(sender.span().span_context().trace_state().header(), "");
    }
}
