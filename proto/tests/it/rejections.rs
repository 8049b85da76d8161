//! Invalid messages, and the errors that reject them.

use emberkeep_core::assignment::{Assignment, AssignmentDiff};
use emberkeep_proto::convert::{FromSlicelet, WatchStart};
use emberkeep_proto::pb;

fn pod(name: &str) -> pb::Pod {
    pb::Pod {
        name: name.into(),
        incarnation: vec![0; 16],
        address: "127.0.0.1:80".into(),
        zone: String::new(),
        weight_thousandths: 1_000,
        memory_capacity_bytes: None,
    }
}

/// A slice that the pods of these indices serve.
fn slice(start: &[u8], end: Option<&[u8]>, pods: &[u32]) -> pb::AssignedSlice {
    let serving = |pod: &u32| pb::Replica {
        pod: *pod,
        phase: pb::Phase::Serving.into(),
    };
    pb::AssignedSlice {
        slice: Some(pb::Slice {
            start: start.to_vec(),
            end: end.map(<[u8]>::to_vec),
        }),
        replicas: pods.iter().map(serving).collect(),
        epoch: 7,
        changed_at: 7,
    }
}

fn full(slices: Vec<pb::AssignedSlice>) -> pb::Assignment {
    pb::Assignment {
        generation: 7,
        pods: vec![pod("a"), pod("b")],
        slices,
    }
}

fn diff(slices: Vec<pb::AssignedSlice>) -> pb::AssignmentDiff {
    pb::AssignmentDiff {
        base: 6,
        generation: 7,
        pods: vec![pod("a"), pod("b")],
        slices,
    }
}

fn full_error(wire: pb::Assignment) -> String {
    Assignment::try_from(wire).unwrap_err().to_string()
}

fn diff_error(wire: pb::AssignmentDiff) -> String {
    AssignmentDiff::try_from(wire).unwrap_err().to_string()
}

#[test]
fn the_examples_are_valid_before_they_are_changed() {
    let slices = || vec![slice(b"", Some(b"m"), &[0]), slice(b"m", None, &[0, 1])];
    assert!(Assignment::try_from(full(slices())).is_ok());
    assert!(AssignmentDiff::try_from(diff(slices())).is_ok());
}

#[test]
fn an_assignment_covers_each_key_once() {
    assert!(full_error(full(vec![])).starts_with("slices: no slices"));
    assert_eq!(
        full_error(full(vec![slice(b"b", None, &[0])])),
        "slices: the first slice starts at 62, it must start at the empty key"
    );
    assert_eq!(
        full_error(full(vec![slice(b"", Some(b"b"), &[0]), slice(b"c", None, &[0])])),
        "slices[0]: slice [\"\", 62) leaves a gap or overlaps: it must end where the next one starts, at 63"
    );
    assert_eq!(
        full_error(full(vec![slice(b"", Some(b"b"), &[0])])),
        "slices[0]: slice [\"\", 62) leaves a gap or overlaps: the last one must not end"
    );
}

#[test]
fn a_replica_of_an_unlisted_pod_is_rejected() {
    let expected = "assignment: slice [\"\", inf) names pod number 2, but there are 2";
    assert_eq!(full_error(full(vec![slice(b"", None, &[2])])), expected);
    let expected = "slices[0].replicas: it names pod number 4294967295, but there are 2";
    assert_eq!(diff_error(diff(vec![slice(b"", None, &[u32::MAX])])), expected);
}

#[test]
fn a_pod_has_one_replica_in_a_slice() {
    let expected = "slices[0].replicas: replicas must be ordered by pod and name each once, but pod number 1 follows 1";
    assert_eq!(full_error(full(vec![slice(b"", None, &[1, 1])])), expected);
    assert_eq!(diff_error(diff(vec![slice(b"", None, &[1, 1])])), expected);
}

#[test]
fn a_pod_is_named_once() {
    let pods = vec![pod("a"), pod("a")];
    let wire = pb::AssignmentDiff {
        pods: pods.clone(),
        ..diff(vec![])
    };
    assert_eq!(
        diff_error(wire),
        "pods: pods must be sorted by name and named once, but a follows a"
    );
    let wire = pb::Assignment {
        pods,
        ..full(vec![slice(b"", None, &[0])])
    };
    assert!(full_error(wire).ends_with("a follows a"));
}

#[test]
fn the_slices_of_a_diff_are_in_order_and_disjoint() {
    let (first, second) = (slice(b"a", Some(b"c"), &[0]), slice(b"c", Some(b"d"), &[0]));
    assert!(AssignmentDiff::try_from(diff(vec![first.clone(), second.clone()])).is_ok());
    assert_eq!(
        diff_error(diff(vec![second, first.clone()])),
        "slices[1]: slices must be in key order and not overlap, but [61, 63) follows [63, 64)"
    );
    assert_eq!(
        diff_error(diff(vec![first, slice(b"b", None, &[0])])),
        "slices[1]: slices must be in key order and not overlap, but [62, inf) follows [61, 63)"
    );
}

#[test]
fn a_diff_leads_to_a_later_generation_and_contains_only_changes() {
    let wire = pb::AssignmentDiff {
        base: 7,
        ..diff(vec![])
    };
    assert_eq!(
        diff_error(wire),
        "generation: it is 7, which is not later than the base 7"
    );
    let mut old = slice(b"", None, &[0]);
    (old.epoch, old.changed_at) = (6, 6);
    assert_eq!(
        diff_error(diff(vec![old])),
        "slices[0].changed_at: it is 6, allowed is 7 to 7"
    );
}

#[test]
fn a_slice_is_not_newer_than_its_assignment() {
    let mut newer = slice(b"", None, &[0]);
    newer.epoch = 8;
    let expected = "slices[0].epoch: it is 8, which is later than the change at 7";
    assert_eq!(diff_error(diff(vec![newer.clone()])), expected);
    assert!(full_error(full(vec![newer])).contains("must not be later than generation 7"));
}

#[test]
fn an_unknown_phase_is_rejected_with_its_path() {
    let mut odd = slice(b"", None, &[0]);
    odd.replicas[0].phase = 9;
    let expected = "slices[0].replicas.phase: 9 is unknown, allowed is one of: warming, serving, yielding, leaving";
    assert_eq!(full_error(full(vec![odd])), expected);
}

#[test]
fn an_empty_session_message_is_rejected() {
    let error = FromSlicelet::try_from(pb::SessionRequest { message: None }).unwrap_err();
    assert_eq!(error.to_string(), "message: it is missing, but must be set");
}

#[test]
fn a_rejection_is_an_invalid_argument_status_with_the_reason() {
    let wire = pb::WatchRequest {
        target: "No".into(),
        ..pb::WatchRequest::default()
    };
    let status = tonic::Status::from(WatchStart::try_from(wire).unwrap_err());
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    assert!(
        status
            .message()
            .starts_with("target: target \"No\" is not allowed: it must be 1 to 63")
    );
}
