//! The load reports of pods that count requests, byte for byte. `UPDATE_GOLDEN=1` rewrites their hash.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use emberkeep_core::assignment::{Assignment, Phase, PodIndex, Proposal, ReplicaSet};
use emberkeep_core::keyspace::{SliceKey, SliceMap};
use emberkeep_core::pod::{Incarnation, Pod, PodAddress, PodName};
use emberkeep_core::slicelet::Identity;
use emberkeep_core::time::Timestamp;
use xxhash_rust::xxh64::Xxh64;

use super::super::pod_meter::PodMeter;
use crate::random_stream::RandomStream;

fn pod(number: u32) -> Pod {
    Pod::new(
        PodName::try_new(&format!("pod-{number}")).unwrap(),
        Incarnation(1),
        PodAddress::try_new("127.0.0.1:80").unwrap(),
    )
}

/// The assignment after `previous` of two pods, each of which serves slices that are drawn at random.
fn assignment(previous: &Assignment, random: &mut RandomStream) -> Arc<Assignment> {
    let mut replicas = || {
        let mut replicas = ReplicaSet::none();
        let owners = 1 + random.below(3);
        (0..2)
            .filter(|pod| owners & (1 << pod) != 0)
            .for_each(|pod| replicas.set(PodIndex(pod), Phase::Serving));
        replicas
    };
    let slice_count = 4 + previous.generation().number() as u64 % 5;
    let start = |number: u64| match number {
        0 => SliceKey::EMPTY,
        _ => SliceKey::from_position(u64::MAX / slice_count * number),
    };
    let entries = (0..slice_count).map(|number| (start(number), replicas()));
    let proposal = Proposal {
        pods: vec![pod(0), pod(1)],
        slices: SliceMap::try_from_starts(entries.collect()).unwrap(),
    };
    Arc::new(proposal.after(previous).unwrap())
}

#[test]
fn the_load_reports_of_pods_that_count_requests_are_the_same_bytes_on_every_machine() {
    let Pod { name, incarnation, .. } = pod(0);
    let mut meter = PodMeter::new(Identity { name, incarnation }, RandomStream::new(3, 1), Timestamp::ZERO);
    let (mut random, mut hash) = (RandomStream::new(3, 2), Xxh64::new(0));
    let mut held = Arc::new(Assignment::unassigned());
    for second in 1..=100_u64 {
        for _ in 0..200 {
            let bound = 1 + random.below(400);
            let key = random.below(bound);
            meter.count(key.wrapping_mul(0x9e37_79b9_7f4a_7c15), 1 + random.below(9_000));
        }
        if second % 9 == 4 {
            held = assignment(&held, &mut random);
            meter.follow(&held, Timestamp::from_millis(1_000 * second - random.below(3) * 250));
            meter.weigh((0..40).map(|_| random.next()), 4_096);
        }
        let report = meter.report(Timestamp::from_millis(1_000 * second));
        hash.update(&postcard::to_allocvec(&report).unwrap());
    }
    let found = format!("{:016x}\n", hash.digest());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/request_load_reports.hash");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        return fs::write(path, found).unwrap();
    }
    assert_eq!(found, fs::read_to_string(path).unwrap(), "UPDATE_GOLDEN=1 rewrites it");
}
