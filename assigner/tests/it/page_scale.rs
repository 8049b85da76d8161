//! The page of a large target: 3,000 pods and 100,000 slices.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assigner::{Change, ChangeKind, TargetSettings};
use emberkeep_core::assignment::{Assignment, Phase, Proposal, ReplicaSet};
use emberkeep_core::balancer::{BalancerSettings, Signals, decide};
use emberkeep_core::keyspace::{SliceKey, SliceMap};
use emberkeep_core::pod::{Incarnation, Pod, PodAddress, PodName};
use emberkeep_core::time::Timestamp;
use emberkeep_testkit::chromium::{Chromium, Viewport};
use futures::future::join_all;
use tokio::time::Instant;

use crate::page_client::get;
use crate::running_member::{RunningMember, target};

const POD_COUNT: usize = 3_000;
const SLICE_COUNT: usize = 100_000;
/// The time for which pods without a session are kept.
const AN_HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: prints times and sizes"]
async fn a_large_target_is_painted_in_a_second() {
    let member = RunningMember::start().await;
    fill(&member).await;
    for attempt in ["first", "second"] {
        let begin = Instant::now();
        let view = get(member.page(), "/api/view").await;
        println!("{attempt} view: {:?}, {} bytes", begin.elapsed(), view.body.len());
        let target = &view.json()["target"];
        assert_eq!(target["pods"]["count"], POD_COUNT, "{}", target["problem"]);
        assert_eq!(target["pods"]["rows"].as_array().unwrap().len(), 200);
        assert_eq!(target["key_space"]["bands"].as_array().unwrap().len(), 600);
        assert!(view.body.len() < 300_000);
    }
    let page = format!("http://{}/", member.page());
    let painted = tokio::task::spawn_blocking(move || first_paints(&page)).await;
    println!("{}", painted.unwrap());
}

/// The times since navigation of the first paint and of the first view, with nobody watching before.
fn first_paints(page: &str) -> String {
    let Some(chromium) = Chromium::start() else {
        return String::new();
    };
    let tab = chromium.open(page, Viewport::WIDE);
    tab.wait_until("performance.getEntriesByName('first view').length === 1");
    let times = "JSON.stringify(performance.getEntries().filter((entry) => entry.name === 'first view' \
                 || entry.name === 'first-contentful-paint').map((entry) => [entry.name, Math.round(entry.startTime)]))";
    format!("ms since navigation: {}", tab.value(times))
}

/// Registers the pods, and gives each its slices.
async fn fill(member: &RunningMember) {
    let mut settings = TargetSettings::default();
    settings.health.leader_grace = AN_HOUR;
    settings.health.dead_after = AN_HOUR;
    propose(member, ChangeKind::CreateTarget { settings }).await;
    propose(member, ChangeKind::Freeze { is_frozen: true }).await;
    let pods: Vec<Pod> = (0..POD_COUNT).map(pod).collect();
    let registered = pods
        .iter()
        .map(|pod| propose(member, ChangeKind::RegisterPod { pod: pod.clone() }));
    join_all(registered).await;
    let slices = (0..SLICE_COUNT).map(|number| {
        let start = match number {
            0 => SliceKey::EMPTY,
            number => SliceKey::from_position(u64::MAX / SLICE_COUNT as u64 * number as u64),
        };
        let mut replicas = ReplicaSet::none();
        replicas.set((number % POD_COUNT).into(), Phase::Serving);
        (start, replicas)
    });
    let proposal = Proposal {
        pods,
        slices: SliceMap::try_from_starts(slices.collect()).unwrap(),
    };
    let unassigned = Assignment::unassigned();
    let assigned = proposal.after(&unassigned).unwrap();
    let diff = assigned.diff_since(unassigned.generation());
    let nothing = decide(
        &unassigned,
        &Signals::default(),
        &BalancerSettings::default(),
        Timestamp::ZERO,
    );
    let report = Arc::new(nothing.report);
    propose(member, ChangeKind::Assign { diff, report }).await;
}

async fn propose(member: &RunningMember, kind: ChangeKind) {
    let target = target();
    member.assigner.member().propose(Change { target, kind }).await.unwrap();
}

fn pod(number: usize) -> Pod {
    let name = PodName::try_new(&format!("pod-{number:04}")).unwrap();
    let address = PodAddress::try_new(&format!("10.0.{}.{}:80", number / 250, number % 250 + 1)).unwrap();
    Pod::new(name, Incarnation(number as u128), address)
}
