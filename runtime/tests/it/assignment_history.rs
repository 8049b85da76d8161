//! Assignments to publish, and servers that publish them.

use std::sync::Arc;

use emberkeep_core::assignment::Assignment;
use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::pod::Pod;
use emberkeep_core::target::{KeyMode, TargetName};
use emberkeep_proto::pb::assignment_watch_client::AssignmentWatchClient;
use emberkeep_runtime::channel::{ChannelSettings, channel_to};
use emberkeep_runtime::watch::{AssignmentSnapshot, WatchLimits};
use emberkeep_testkit::assignment::{assigned, serving};
use emberkeep_testkit::assignment_server::AssignmentServer;
use emberkeep_testkit::pod::pod;
use tonic::transport::Channel;

pub(crate) fn target() -> TargetName {
    TargetName::try_new("profiles").unwrap()
}

/// A server of that target with its present assignment.
pub(crate) async fn server_with(present: Option<&AssignmentSnapshot>) -> AssignmentServer {
    AssignmentServer::start_with(target(), present.cloned(), WatchLimits::default()).await
}

pub(crate) fn client_of(server: &AssignmentServer) -> AssignmentWatchClient<Channel> {
    let channel = channel_to(&server.address.to_string(), &ChannelSettings::default());
    AssignmentWatchClient::new(channel.unwrap())
}

/// An assignment of four slices, at each generation up to `newest`: the first pod acquires them one by one, then the second,
/// and so on in turns.
pub(crate) fn history(newest: usize) -> Vec<AssignmentSnapshot> {
    let pods = [pod(1), pod(2)];
    let mut owners: [&[Pod]; 4] = [&[]; 4];
    let mut history = vec![Arc::new(Assignment::unassigned())];
    for change in 0..newest {
        let owner = change / 4 % 2;
        owners[change % 4] = &pods[owner..=owner];
        let slices = owners
            .iter()
            .enumerate()
            .map(|(at, owner)| (start_of(at, 62), serving(*owner)));
        let next = assigned(history.last().unwrap(), slices);
        history.push(next);
    }
    let snapshots = history.into_iter().map(|assignment| AssignmentSnapshot {
        assignment,
        key_mode: KeyMode::Ordered,
    });
    snapshots.collect()
}

/// An assignment of many slices with eight replicas each.
pub(crate) fn large(slice_count: usize) -> AssignmentSnapshot {
    let pods: Vec<Pod> = (1..=8).map(pod).collect();
    let slices = (0..slice_count).map(|at| (start_of(at, 0), serving(&pods)));
    AssignmentSnapshot {
        assignment: assigned(&Assignment::unassigned(), slices),
        key_mode: KeyMode::Hashed,
    }
}

/// The first key of the slice of that number, where each has 2^`bits` positions.
fn start_of(number: usize, bits: u32) -> SliceKey {
    match number {
        0 => SliceKey::EMPTY,
        _ => SliceKey::from_position((number as u64) << bits),
    }
}
