//! Traces and metrics of a whole cluster, at a collector.

use std::fs;

use emberkeep_testkit::deadline::wait_for;
use emberkeep_testkit::otlp_collector::{OtlpCollector, ReceivedSpan};
use tokio::runtime::Runtime;

use crate::dev::place;
use crate::dev_command::DevCommand;

/// The spans of a cold request from the store up to the client, with the kinds of their processes.
const COLD_REQUEST: [(&str, &str); 5] = [
    ("emberkeep.store", "emberkeep-demo-pod"),
    ("emberkeep.load", "emberkeep-demo-pod"),
    ("emberkeep.request", "emberkeep-demo-pod"),
    ("emberkeep.attempt", "emberkeep-dev"),
    ("emberkeep.call", "emberkeep-dev"),
];

#[test]
fn one_trace_leads_from_the_client_through_the_pod_to_the_store() {
    let runtime = Runtime::new().unwrap();
    let collector = runtime.block_on(OtlpCollector::start());
    let place = place();
    let export = format!("--otlp-endpoint {} --trace-sample 1 --log-requests 1", collector.url());
    let dev = DevCommand::start(place.path(), &format!("--trace trace.csv --rate 100 --pods 2 {export}"));
    let trace = wait_for("a trace of a cold request", || cold_request(&collector.spans()));
    let [store, load, request, attempt, call] = &trace;
    assert!(trace.iter().all(|span| span.trace_id == call.trace_id), "{trace:?}");
    assert_eq!(call.parent_id, "");
    assert_eq!(call.attributes["target"], "demo");
    assert_eq!(request.attributes["warmth"], "cold");
    assert_eq!(request.attributes["pod"], attempt.attributes["pod"]);
    assert_eq!(load.attributes["origin"], "store");
    assert_eq!(store.attributes["outcome"], "found");

    wait_for("a decision", || {
        let spans = collector.spans();
        let proposal = |span: &&ReceivedSpan| span.name == "emberkeep.proposal" && span.service == "emberkeep-assigner";
        spans
            .iter()
            .find(proposal)
            .map(|span| span.attributes["outcome"].clone())
    });
    for (service, metric) in [
        ("emberkeep-assigner", "emberkeep_assigner_"),
        ("emberkeep-demo-pod", "emberkeep_slicelet_"),
        ("emberkeep-dev", "emberkeep_clerk_"),
    ] {
        wait_for(service, || {
            let received = collector.metrics_of(service);
            received
                .iter()
                .any(|found| found.name.starts_with(metric))
                .then_some(())
        });
    }
    let summary = dev.end();
    assert_eq!(summary["failed"], 0, "{summary}");
    let pod = &request.attributes["pod"];
    let log = fs::read_to_string(place.path().join(format!("data/logs/{pod}.log"))).unwrap();
    let line = log.lines().find(|line| line.contains(&call.trace_id));
    let line = line.unwrap_or_else(|| panic!("no line of the log names the trace {}:\n{log}", call.trace_id));
    for field in ["target=demo", "warmth=\"cold\"", "status=\"0\"", "duration_us="] {
        assert!(line.contains(field), "{line}");
    }
}

#[test]
fn a_collector_that_hangs_costs_no_request_and_no_end() {
    let runtime = Runtime::new().unwrap();
    let collector = runtime.block_on(OtlpCollector::hanging());
    let place = place();
    let export = format!("--otlp-endpoint {} --trace-sample 1", collector.url());
    let mut dev = DevCommand::start(place.path(), &format!("--trace trace.csv --speed 0 --pods 2 {export}"));
    dev.wait_until("1,000 requests", |progress| progress.request_count() >= 1_000);
    let summary = dev.end();
    assert_eq!(summary["failed"], 0, "{summary}");
}

/// The newest complete trace, from the store up.
fn cold_request(spans: &[ReceivedSpan]) -> Option<[ReceivedSpan; 5]> {
    let parent_of = |span: &ReceivedSpan| spans.iter().find(|other| other.span_id == span.parent_id).cloned();
    let leads_to_client = |store: &ReceivedSpan| {
        let mut trace = vec![store.clone()];
        while let Some(parent) = parent_of(&trace[trace.len() - 1]) {
            trace.push(parent);
        }
        let found = trace.iter().map(|span| (&*span.name, &*span.service));
        let is_complete = found.eq(COLD_REQUEST);
        trace.try_into().ok().filter(|_| is_complete)
    };
    let reads = spans.iter().filter(|span| span.name == "emberkeep.store");
    reads.rev().find_map(leads_to_client)
}
