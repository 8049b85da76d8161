//! The metrics of a member: what a crash leaves in them, and what goes with the pod.

use std::time::Duration;

use emberkeep_core::assigner::{Change, ChangeKind};
use emberkeep_core::keyspace::Slice;
use emberkeep_core::load::{Load, LoadReport, SliceLoad};
use emberkeep_proto::convert::FromSlicelet;
use emberkeep_testkit::deadline::eventually;
use prometheus::proto::{Metric, MetricFamily};

use crate::running_member::{RunningMember, target};
use crate::scripted_slicelet::{ScriptedSlicelet, serving_count};

/// All series of a metric.
fn series(member: &RunningMember, name: &str) -> Vec<Metric> {
    let families = member.assigner.registry().gather();
    let named = |family: &&MetricFamily| family.name() == format!("emberkeep_assigner_{name}");
    let family = families.iter().find(named);
    family.map(|family| family.get_metric().to_vec()).unwrap_or_default()
}

fn gauge(member: &RunningMember, name: &str) -> f64 {
    series(member, name)
        .iter()
        .map(|metric| metric.get_gauge().get_value())
        .sum()
}

fn sample_count(member: &RunningMember, name: &str) -> u64 {
    let counts = series(member, name);
    counts
        .iter()
        .map(|metric| metric.get_histogram().get_sample_count())
        .sum()
}

/// The values of the label `pod`.
fn pods(member: &RunningMember, name: &str) -> Vec<String> {
    let metrics = series(member, name);
    let labels = metrics.iter().flat_map(|metric| metric.get_label());
    let pods = labels.filter(|label| label.name() == "pod");
    pods.map(|label| label.value().to_owned()).collect()
}

async fn report_load(slicelet: &ScriptedSlicelet) {
    let slice = SliceLoad {
        slice: Slice::FULL,
        fast: Load::from_units(10),
        slow: Load::from_units(10),
        memory: 0,
        replicas: 1,
        window: Duration::from_secs(60),
        split_hints: Vec::new(),
    };
    let report = FromSlicelet::LoadReport(LoadReport {
        slices: vec![slice],
        hottest: Vec::new(),
        unlisted_max: Load::ZERO,
    });
    slicelet.requests.send((&report).into()).await.unwrap();
}

#[tokio::test]
async fn a_crash_is_measured_and_the_series_of_the_pod_are_removed() {
    let member = RunningMember::start().await;
    let mut one = ScriptedSlicelet::register(&member, "pod-1", 1).await;
    let mut two = ScriptedSlicelet::register(&member, "pod-2", 1).await;
    let crashing = two.pod.clone();
    two.assigned(|assignment| serving_count(assignment, &crashing) == 32)
        .await;
    one.assigned(|assignment| serving_count(assignment, &crashing) == 32)
        .await;
    report_load(&one).await;
    report_load(&two).await;
    let has_both = |name| pods(&member, name) == ["pod-1", "pod-2"];
    let are_observed = async || {
        let names = ["pod_load_units", "pod_planned_load_units", "pod_static_load_units"];
        names.into_iter().all(has_both).then_some(())
    };
    eventually("the loads of both pods", are_observed).await;
    assert_eq!(sample_count(&member, "reassignment_seconds"), 0);

    drop(two);
    let is_reassigned = async || (sample_count(&member, "reassignment_seconds") == 1).then_some(());
    eventually("the reassignment", is_reassigned).await;
    let is_removed = async || (pods(&member, "pod_planned_load_units") == ["pod-1"]).then_some(());
    eventually("the end of the series of the pod", is_removed).await;
    assert_eq!(pods(&member, "pod_load_units"), ["pod-1"]);
    assert_eq!(gauge(&member, "unowned_slices"), 0.0);
    assert_eq!(gauge(&member, "slices_by_replicas"), gauge(&member, "slices"));
    assert!(sample_count(&member, "distribution_seconds") > 0);
}

#[tokio::test]
async fn the_slices_of_a_dead_pod_of_a_frozen_target_count_as_unowned() {
    let member = RunningMember::start().await;
    let mut one = ScriptedSlicelet::register(&member, "pod-1", 1).await;
    let two = ScriptedSlicelet::register(&member, "pod-2", 1).await;
    let dying = two.pod.clone();
    one.assigned(|assignment| serving_count(assignment, &dying) == 32).await;
    let kind = ChangeKind::Freeze { is_frozen: true };
    let change = Change { target: target(), kind };
    member.assigner.member().propose(change).await.unwrap();
    drop(two);
    let are_unowned = async || (gauge(&member, "unowned_slices") == 32.0).then_some(());
    eventually("the death", are_unowned).await;
}

#[tokio::test]
async fn raft_is_measured() {
    let member = RunningMember::start().await;
    let _one = ScriptedSlicelet::register(&member, "pod-1", 1).await;
    let is_observed = async || (gauge(&member, "raft_term") >= 1.0).then_some(());
    eventually("an observation of raft", is_observed).await;
    assert!(sample_count(&member, "raft_fsync_seconds") > 0);
    assert!(gauge(&member, "raft_data_bytes") > 0.0);
    let is_alone = async || (gauge(&member, "raft_quorum_contact_age_seconds") == 0.0).then_some(());
    eventually("the only member is its own quorum", is_alone).await;
}
