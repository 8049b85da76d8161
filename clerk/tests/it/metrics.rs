//! The metrics of a clerk in the registry of its process.

use emberkeep_clerk::Clerk;
use emberkeep_testkit::deadline::eventually;
use emberkeep_testkit::metrics::metric_value;
use prometheus::Registry;

use crate::{TARGET, assignment_server, call, patient, ready, two_pods};

#[tokio::test]
async fn requests_failures_and_the_age_of_the_assignment_reach_the_registry_of_the_process() {
    let (assigner, a, _) = two_pods().await;
    let generation = assigner.assign(&[("", &[&a.pod])]);
    let clerk = ready(&assigner, patient()).await;
    let process = Registry::new();
    process.register(Box::new(clerk.collector())).unwrap();
    let value = |name: &str, label| metric_value(&process, &format!("emberkeep_clerk_{name}"), label);

    assert_eq!(call(clerk.for_key("k")).await.unwrap(), "a");
    call(clerk.for_key("k".repeat(600))).await.unwrap_err();
    assert_eq!(value("requests_total", Some("profiles")), 2.0);
    assert_eq!(value("generation", None), generation.number() as f64);
    assert_eq!(value("retry_budget_ratio", None), 1.0);
    assert_eq!(value("failures_total", Some("rejected")), 1.0);
    assert_eq!(value("assignment_age_seconds", None), 0.0);

    assigner.stop();
    let has_aged = async || (value("assignment_age_seconds", None) > 0.0).then_some(());
    eventually("the assignment is no longer confirmed", has_aged).await;
    assert_eq!(value("watch_failures_total", Some("ended")), 1.0);
}

#[tokio::test]
async fn a_second_clerk_of_a_target_needs_another_name_in_one_registry() {
    let assigner = assignment_server().await;
    let named = async |name: &str| {
        let builder = Clerk::builder(TARGET).assigner(format!("http://{}", assigner.address));
        builder.name(name).connect().await.unwrap()
    };
    let process = Registry::new();
    let register = |clerk: &Clerk| process.register(Box::new(clerk.collector()));
    register(&named("checkout").await).unwrap();
    register(&named("search").await).unwrap();
    let rejection = register(&named("search").await).unwrap_err();
    assert!(matches!(rejection, prometheus::Error::AlreadyReg), "{rejection}");
}
