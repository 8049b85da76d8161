//! The spans of calls, and the trace context that pods receive.

use emberkeep_clerk::Clerk;
use emberkeep_runtime::telemetry::{CollectorLink, SampleRatio, ServiceIdentity, TraceExport};
use emberkeep_testkit::assignment_server::AssignmentServer;
use emberkeep_testkit::deadline::DEADLINE;
use emberkeep_testkit::otlp_collector::{OtlpCollector, ReceivedSpan};
use emberkeep_testkit::string_service::StringClient;
use tonic::Request;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt;

use crate::echo_pod::{EchoPod, dead_pod};
use crate::{call, patient, ready, two_pods};

const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const NOT_SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The export of this thread's spans to a collector, until the guard is dropped.
struct TracedThread {
    collector: OtlpCollector,
    export: TraceExport,
    _subscriber: DefaultGuard,
}

impl TracedThread {
    async fn start(ratio: f64) -> Self {
        let collector = OtlpCollector::start().await;
        let identity = ServiceIdentity {
            name: "clerk-test".to_owned(),
            instance: "1".to_owned(),
        };
        let link = CollectorLink::new(&collector.url().parse().unwrap(), identity);
        let export = TraceExport::start(link, SampleRatio::try_new(ratio).unwrap());
        let subscriber = tracing_subscriber::registry().with(export.layer());
        Self {
            _subscriber: tracing::subscriber::set_default(subscriber),
            collector,
            export,
        }
    }

    /// Ends the export; returns the spans of that name.
    async fn spans(self, name: &str) -> Vec<ReceivedSpan> {
        self.export.shutdown(DEADLINE).await;
        let spans = self.collector.spans().into_iter();
        spans.filter(|span| span.name == name).collect()
    }
}

async fn clerk_and_pod() -> (Clerk, EchoPod, AssignmentServer) {
    let (assigner, pod, _) = two_pods().await;
    assigner.assign(&[("", &[&pod.pod])]);
    let clerk = ready(&assigner, patient()).await;
    (clerk, pod, assigner)
}

async fn call_from(clerk: &Clerk, traceparent: &str) {
    let mut request = Request::new(String::new());
    request
        .metadata_mut()
        .insert("traceparent", traceparent.parse().unwrap());
    let answer = StringClient::new(clerk.for_key("k")).unary(request).await;
    answer.unwrap();
}

#[tokio::test]
async fn a_pod_receives_the_context_of_the_attempt_below_the_call() {
    let (clerk, pod, _assigner) = clerk_and_pod().await;
    let traced = TracedThread::start(1.0).await;
    call(clerk.for_key("secret")).await.unwrap();
    let received = pod.traceparents();
    let collector = &traced.collector;
    traced.export.clone().shutdown(DEADLINE).await;
    let spans = collector.spans();
    let [call, attempt] = ["emberkeep.call", "emberkeep.attempt"].map(|name| {
        let span = spans.iter().find(|span| span.name == name);
        span.unwrap_or_else(|| panic!("no {name} among {spans:?}"))
    });
    assert_eq!(received, [format!("00-{}-{}-01", call.trace_id, attempt.span_id)]);
    assert_eq!((&*call.parent_id, &attempt.parent_id), ("", &call.span_id));
    assert_eq!(call.attributes["target"], "profiles");
    assert_eq!(call.attributes["outcome"], "answered");
    assert_eq!(attempt.attributes["pod"], "a");
    assert!(!format!("{spans:?}").contains("secret"), "a key may be secret");
}

#[tokio::test]
async fn each_attempt_has_a_span() {
    let (assigner, pod, _) = two_pods().await;
    let (dead, _address) = dead_pod("dead");
    assigner.assign(&[("", &[&dead])]);
    let clerk = ready(&assigner, patient()).await;
    let traced = TracedThread::start(1.0).await;
    let calling = call(clerk.for_key("k"));
    let moving = async {
        // The first attempt fails at once: nothing listens.
        while clerk.stats().reported == 0 {
            tokio::task::yield_now().await;
        }
        assigner.assign(&[("", &[&pod.pod])]);
    };
    let (answer, ()) = tokio::join!(calling, moving);
    answer.unwrap();
    let attempts = traced.spans("emberkeep.attempt").await;
    let outcome = |span: &ReceivedSpan| span.attributes["outcome"].clone();
    assert_eq!(
        attempts.first().map(outcome).as_deref(),
        Some("unreachable"),
        "{attempts:?}"
    );
    assert_eq!(
        attempts.last().map(outcome).as_deref(),
        Some("answered"),
        "{attempts:?}"
    );
}

#[tokio::test]
async fn a_sampled_context_of_the_application_is_continued_even_if_nothing_else_is_sampled() {
    let (clerk, pod, _assigner) = clerk_and_pod().await;
    let traced = TracedThread::start(0.0).await;
    call_from(&clerk, SAMPLED).await;
    let received = pod.traceparents().remove(0);
    assert!(received.contains(TRACE_ID) && received != SAMPLED, "{received}");
    let calls = traced.spans("emberkeep.call").await;
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].trace_id, TRACE_ID);
    assert_eq!(calls[0].parent_id, "00f067aa0ba902b7");
}

#[tokio::test]
async fn the_decision_not_to_sample_is_sent_to_the_pod() {
    let (clerk, pod, _assigner) = clerk_and_pod().await;
    let traced = TracedThread::start(0.0).await;
    call(clerk.for_key("k")).await.unwrap();
    call_from(&clerk, NOT_SAMPLED).await;
    let received = pod.traceparents();
    assert!(
        received[0].starts_with("00-") && received[0].ends_with("-00"),
        "{received:?}"
    );
    assert_eq!(received[1], NOT_SAMPLED);
    assert!(traced.spans("emberkeep.call").await.is_empty());
}

#[tokio::test]
async fn without_a_layer_the_context_of_the_application_passes_through() {
    let (clerk, pod, _assigner) = clerk_and_pod().await;
    for traceparent in [SAMPLED, NOT_SAMPLED, "any text"] {
        call_from(&clerk, traceparent).await;
    }
    assert_eq!(pod.traceparents(), [SAMPLED, NOT_SAMPLED, "any text"]);
}

#[tokio::test]
async fn an_invalid_context_begins_a_new_trace() {
    let (clerk, pod, _assigner) = clerk_and_pod().await;
    let traced = TracedThread::start(1.0).await;
    let oversized = format!("{SAMPLED}-{}", "0".repeat(4_000));
    let forged = [
        "",
        "-",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-ZZf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        &oversized,
    ];
    for traceparent in forged {
        call_from(&clerk, traceparent).await;
    }
    for received in pod.traceparents() {
        assert!(received.len() == 55 && received.ends_with("-01"), "{received}");
        assert!(!received.contains(TRACE_ID), "{received}");
    }
    let calls = traced.spans("emberkeep.call").await;
    assert_eq!(calls.len(), forged.len());
    assert!(calls.iter().all(|call| call.parent_id.is_empty()), "{calls:?}");
}
