//! Strategies for all values that the wire carries.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assignment::{Assignment, Generation, Phase, PodIndex, Proposal, Replica, Update};
use emberkeep_core::keyspace::{Slice, SliceKey, SliceMap};
use emberkeep_core::load::{KeyLoad, Load, LoadReport, SliceLoad};
use emberkeep_core::pod::{Incarnation, Pod, PodAddress, PodName, PodPhase, Weight};
use emberkeep_core::rate::Rate;
use emberkeep_core::session_settings::SessionSettings;
use emberkeep_core::target::{KeyMode, MisrouteMode, OwnershipMode, TargetName};
use emberkeep_core::warmth::Warmth;
use emberkeep_proto::convert::{
    FromAssigner, FromSlicelet, Heartbeat, ManifestEntry, ManifestPage, NotOwner, PodReport, Registration,
    TransferStart, Transferred, WarmValue, WatchStart, WatchUpdate,
};
use proptest::prelude::*;

/// Pods of an assignment; replicas refer to them by index.
const POD_COUNT: u32 = 5;

pub(crate) fn slice_key() -> impl Strategy<Value = SliceKey> {
    let bytes = prop_oneof![
        prop::collection::vec(0_u8..4, 0..12),
        prop::collection::vec(any::<u8>(), SliceKey::LENGTH_MAX),
    ];
    bytes.prop_map(|bytes| SliceKey::try_new(&bytes).unwrap())
}

pub(crate) fn slice() -> impl Strategy<Value = Slice> {
    let bounds = (slice_key(), prop::option::of(slice_key()));
    bounds.prop_map(|(start, end)| Slice::new(start, end).unwrap_or(Slice::FULL))
}

pub(crate) fn generation() -> impl Strategy<Value = Generation> {
    (0..=i64::MAX).prop_map(|number| Generation::from_number(number).unwrap())
}

pub(crate) fn pod(name: impl Strategy<Value = String>) -> impl Strategy<Value = Pod> {
    let rest = (
        any::<u128>(),
        1..=u16::MAX,
        "[a-z]{0,9}",
        1..=1_000_000_u32,
        prop::option::of(1..=u64::MAX),
    );
    (name, rest).prop_map(|(name, (incarnation, port, zone, thousandths, memory_capacity))| Pod {
        name: PodName::try_new(&name).unwrap(),
        incarnation: Incarnation(incarnation),
        address: PodAddress::try_new(&format!("10.0.0.1:{port}")).unwrap(),
        zone: zone.into(),
        weight: Weight::from_thousandths(thousandths).unwrap(),
        memory_capacity,
    })
}

/// Any pods, slices and replicas.
fn proposal() -> impl Strategy<Value = Proposal> {
    let phase = prop_oneof![
        Just(Phase::Warming),
        Just(Phase::Serving),
        Just(Phase::Yielding),
        Just(Phase::Leaving)
    ];
    let replica = (0..POD_COUNT, phase).prop_map(|(pod, phase)| Replica {
        pod: PodIndex(pod),
        phase,
    });
    let replicas = prop::collection::vec(replica, 0..4);
    let slices = prop::collection::btree_map(slice_key(), replicas.clone(), 0..12);
    let pods: Vec<_> = (0..POD_COUNT)
        .map(|number| pod(Just(format!("pod-{number}"))))
        .collect();
    (pods, replicas, slices).prop_map(|(pods, first, mut slices)| {
        slices.insert(SliceKey::EMPTY, first);
        let entries = slices
            .into_iter()
            .map(|(start, replicas)| (start, replicas.into_iter().collect()));
        Proposal {
            pods,
            slices: SliceMap::try_from_starts(entries.collect()).unwrap(),
        }
    })
}

/// Successive assignments, from generation zero.
pub(crate) fn history() -> impl Strategy<Value = Vec<Arc<Assignment>>> {
    prop::collection::vec(proposal(), 1..5).prop_map(|proposals| {
        let mut history = vec![Arc::new(Assignment::unassigned())];
        for proposal in proposals {
            let next = proposal.after(history.last().unwrap());
            history.extend(next.map(Arc::new));
        }
        history
    })
}

pub(crate) fn update() -> impl Strategy<Value = Update> {
    (history(), any::<prop::sample::Index>()).prop_map(|(history, known)| {
        let known = known.get(&history).generation();
        history.last().unwrap().update_since(known)
    })
}

fn load() -> impl Strategy<Value = Load> {
    any::<u64>().prop_map(Load::from_milli)
}

/// The load of a slice, with split hints at those keys that are inside it.
fn slice_load(slice: Slice, keys: Vec<SliceKey>) -> impl Strategy<Value = SliceLoad> {
    let mut split_hints: Vec<_> = keys
        .into_iter()
        .filter(|key| slice.start() < key && slice.contains(key))
        .collect();
    split_hints.sort_unstable();
    split_hints.dedup();
    let figures = (load(), load(), any::<u64>(), 1..=u32::MAX, 0..=3_600_000_u64);
    figures.prop_map(move |(fast, slow, memory, replicas, millis)| SliceLoad {
        slice: slice.clone(),
        fast,
        slow,
        memory,
        replicas,
        window: Duration::from_millis(millis),
        split_hints: split_hints.clone(),
    })
}

pub(crate) fn load_report() -> impl Strategy<Value = LoadReport> {
    let keys = prop::collection::vec(slice_key(), 0..9);
    let slices = (history(), keys).prop_flat_map(|(history, keys)| {
        let slices = history.last().unwrap().slices().iter();
        slices
            .map(|(slice, _)| slice_load(slice, keys.clone()))
            .collect::<Vec<_>>()
    });
    let hot = (slice_key(), load(), load()).prop_map(|(key, fast, slow)| KeyLoad { key, fast, slow });
    let hottest = prop::collection::vec(hot, 0..9);
    (slices, hottest, load()).prop_map(|(slices, mut hottest, unlisted_max)| {
        hottest.sort_by_key(|hot| std::cmp::Reverse(hot.fast));
        LoadReport {
            slices,
            hottest,
            unlisted_max,
        }
    })
}

fn rate() -> impl Strategy<Value = Rate> {
    any::<u64>().prop_map(Rate::from_milli)
}

fn key_mode() -> impl Strategy<Value = KeyMode> {
    prop_oneof![Just(KeyMode::Hashed), Just(KeyMode::Ordered)]
}

fn target() -> impl Strategy<Value = TargetName> {
    "[a-z0-9]{1,63}".prop_map(|name| TargetName::try_new(&name).unwrap())
}

pub(crate) fn watch_start() -> impl Strategy<Value = WatchStart> {
    (target(), generation(), "[a-z]{0,9}").prop_map(|(target, known, watcher)| WatchStart { target, known, watcher })
}

pub(crate) fn watch_update() -> impl Strategy<Value = WatchUpdate> {
    (update(), key_mode()).prop_map(|(update, key_mode)| WatchUpdate { update, key_mode })
}

pub(crate) fn pod_report() -> impl Strategy<Value = PodReport> {
    (target(), "[a-z]{1,9}", any::<u128>()).prop_map(|(target, pod, incarnation)| PodReport {
        target,
        pod: PodName::try_new(&pod).unwrap(),
        incarnation: Incarnation(incarnation),
    })
}

pub(crate) fn from_slicelet() -> impl Strategy<Value = FromSlicelet> {
    let phase = prop_oneof![
        Just(PodPhase::Starting),
        Just(PodPhase::Ready),
        Just(PodPhase::Draining)
    ];
    let warming = prop::collection::vec((slice(), warmth()), 0..5);
    let heartbeat =
        (phase, generation(), rate(), warming).prop_map(|(phase, applied, store_demand, warming)| Heartbeat {
            phase,
            applied,
            store_demand,
            warming,
        });
    let registration = (target(), pod("[a-z]{1,9}"), generation());
    prop_oneof![
        registration.prop_map(|(target, pod, known)| FromSlicelet::Register(Registration { target, pod, known })),
        heartbeat.prop_map(FromSlicelet::Heartbeat),
        load_report().prop_map(FromSlicelet::LoadReport),
    ]
}

fn warmth() -> impl Strategy<Value = Warmth> {
    (0..=Warmth::WHOLE, any::<u64>(), any::<bool>()).prop_map(|(heat_share_thousandths, size, is_complete)| Warmth {
        heat_share_thousandths,
        size,
        is_complete,
    })
}

pub(crate) fn from_assigner() -> impl Strategy<Value = FromAssigner> {
    let millis = || (1..=86_400_000_u64).prop_map(Duration::from_millis);
    let share = 0..=Warmth::WHOLE;
    let welcome = (key_mode(), millis(), millis(), millis(), share);
    let welcome = welcome.prop_map(|(key_mode, heartbeat, report, drain, share)| SessionSettings {
        key_mode,
        ownership: OwnershipMode::Affinity,
        heartbeat_interval: heartbeat,
        load_report_interval: report,
        drain_timeout: drain,
        warm_share_thousandths: share,
        misroute: MisrouteMode::Forward,
    });
    prop_oneof![
        welcome.prop_map(FromAssigner::Welcome),
        update().prop_map(FromAssigner::Update),
        Just(FromAssigner::MayExit),
        prop::option::of(rate()).prop_map(FromAssigner::StoreGrant),
        prop::collection::vec(slice(), 0..5).prop_map(FromAssigner::WarmOrder),
    ]
}

pub(crate) fn not_owner() -> impl Strategy<Value = NotOwner> {
    let owner = prop::option::of(pod("[a-z]{1,9}"));
    (generation(), slice(), owner).prop_map(|(generation, slice, owner)| NotOwner {
        generation,
        slice,
        owner,
    })
}

pub(crate) fn transfer_start() -> impl Strategy<Value = TransferStart> {
    let held = prop::collection::vec(any::<u64>(), 0..9);
    (target(), slice(), held).prop_map(|(target, slice, held)| TransferStart { target, slice, held })
}

fn application_key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..12)
}

fn manifest_page() -> impl Strategy<Value = ManifestPage> {
    let entries = prop::collection::btree_map(application_key(), (any::<u32>(), any::<u64>(), any::<u64>()), 0..9);
    (entries, any::<bool>()).prop_map(|(entries, is_last)| {
        let entry = |(key, (heat, fingerprint, size))| ManifestEntry {
            key,
            heat,
            fingerprint,
            size,
        };
        let mut entries: Vec<_> = entries.into_iter().map(entry).collect();
        // The sort is stable: entries of equal heat stay in key order.
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.heat));
        let is_last = is_last || entries.is_empty();
        ManifestPage { entries, is_last }
    })
}

pub(crate) fn transferred() -> impl Strategy<Value = Transferred> {
    let object = prop::collection::vec(any::<u8>(), 0..99);
    let millis = any::<u64>().prop_map(Duration::from_millis);
    let value = (application_key(), "[ -~]{1,99}", object, generation(), millis);
    let value = value.prop_map(|(key, etag, object, checked_by, checked_before)| WarmValue {
        key,
        etag,
        object,
        checked_by,
        checked_before,
    });
    prop_oneof![
        manifest_page().prop_map(Transferred::Manifest),
        prop::collection::vec(value, 1..9).prop_map(Transferred::Values),
    ]
}
