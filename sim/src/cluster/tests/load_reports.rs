//! The load reports of a cluster, byte for byte. `UPDATE_GOLDEN=1` rewrites their hash.

use std::fs;
use std::path::Path;

use emberkeep_core::load::LoadReport;
use xxhash_rust::xxh64::Xxh64;

use super::super::event::{FromPod, Pending, PodMessage};
use super::*;

/// The hash of all load reports that reach the assigner, in the order in which they do, with their times.
struct ReportHash {
    hash: Xxh64,
    report_count: u64,
}

impl ReportHash {
    fn record(&mut self, at: Timestamp, report: &LoadReport) {
        let bytes = postcard::to_allocvec(&(at.as_micros(), report)).unwrap();
        self.hash.update(&bytes);
        self.report_count += 1;
    }

    /// Runs the cluster for that many seconds.
    fn run(&mut self, cluster: &mut SimCluster, seconds: u64) {
        let end = cluster.now() + Duration::from_secs(seconds);
        while let Some((at, pending)) = cluster.queue.take_until(end) {
            if let Pending::ToAssigner(FromPod {
                message: PodMessage::LoadReport(report),
                ..
            }) = &pending
            {
                self.record(at, report);
            }
            cluster.now = at;
            cluster.execute(pending);
        }
        cluster.run_until(end);
    }
}

/// Slices move, are split and are replicated while pods are killed, drain, freeze, lose their network and restart, a key
/// gets hot and a new leader is elected.
fn eventful(hash: &mut ReportHash, counts: Counts, seed: u64) {
    let mut target = TargetSettings::default();
    target.balancer.max_load_hint = Load::from_units(2_000);
    target.balancer.max_replicas = 3;
    let mut cluster = SimCluster::new(SimClusterSettings {
        counts,
        seed,
        target,
        ..SimClusterSettings::default()
    });
    let mut random = RandomStream::new(seed, 7);
    cluster.set_loads((0..100).map(|_| (random.next(), Load::from_milli(random.below(60_000)))));
    let add = |cluster: &mut SimCluster, number| {
        assert!(cluster.add_pod(NewPod {
            name: name(number),
            zone: "".into(),
            weight: Weight::ONE,
        }));
    };
    (0..5).for_each(|number| add(&mut cluster, number));
    hash.run(&mut cluster, 40);
    cluster.set_loads([(random.next(), Load::from_units(3_000))]);
    hash.run(&mut cluster, 30);
    for (pod, fault) in [
        (1, Fault::Kill),
        (2, Fault::Freeze),
        (2, Fault::Thaw),
        (3, Fault::CutOff),
        (3, Fault::Reconnect),
        (1, Fault::Start),
        (4, Fault::Drain),
    ] {
        assert!(cluster.inject(&name(pod), fault));
        hash.run(&mut cluster, 12);
    }
    add(&mut cluster, 5);
    assert!(cluster.inject(&name(5), Fault::Freeze), "its process has not started");
    cluster.change_leader(Duration::from_millis(500));
    hash.run(&mut cluster, 6);
    assert!(cluster.inject(&name(5), Fault::Thaw));
    hash.run(&mut cluster, 40);
}

#[test]
fn the_load_reports_of_a_seed_are_the_same_bytes_on_every_machine() {
    let mut hash = ReportHash {
        hash: Xxh64::new(0),
        report_count: 0,
    };
    eventful(&mut hash, Counts::Expected, 1);
    eventful(&mut hash, Counts::Poisson, 2);
    let found = format!("{:016x} of {} reports\n", hash.hash.digest(), hash.report_count);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cluster_load_reports.hash");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        return fs::write(path, found).unwrap();
    }
    assert_eq!(found, fs::read_to_string(path).unwrap(), "UPDATE_GOLDEN=1 rewrites it");
}
