//! Stands for an assigner: serves the watch of one target, whose assignment the test sets.

use std::net::SocketAddr;
use std::sync::Arc;

use emberkeep_core::assignment::{Assignment, Generation, Phase, PodIndex, Proposal, ReplicaSet};
use emberkeep_core::keyspace::{SliceKey, SliceMap};
use emberkeep_core::pod::Pod;
use emberkeep_core::target::{KeyMode, TargetName};
use emberkeep_runtime::serve::{bind, incoming, server_builder};
use emberkeep_runtime::watch::{AssignmentSnapshot, AssignmentSource, WatchLimits, WatchService};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The target of all tests. Its keys are ordered, so that a test can say where a key lies.
pub(crate) const TARGET: &str = "profiles";

pub(crate) struct TestAssigner {
    pub(crate) address: SocketAddr,
    held: watch::Sender<Option<AssignmentSnapshot>>,
    _stop: DropGuard,
}

struct Source(watch::Receiver<Option<AssignmentSnapshot>>);

impl AssignmentSource for Source {
    fn subscribe(&self, target: &TargetName) -> Option<watch::Receiver<Option<AssignmentSnapshot>>> {
        (target.as_str() == TARGET).then(|| self.0.clone())
    }
}

impl TestAssigner {
    pub(crate) async fn start() -> Self {
        let (held, source) = watch::channel(None);
        let stop = CancellationToken::new();
        let service = WatchService::new(Source(source), WatchLimits::default(), stop.clone());
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = server_builder().add_service(service.into_server());
        tokio::spawn(server.serve_with_incoming(incoming(listener)));
        Self {
            address,
            held,
            _stop: stop.drop_guard(),
        }
    }

    /// Publishes the next generation: each slice begins at a key and is served by some of the pods.
    pub(crate) fn assign(&self, slices: &[(&str, &[&Pod])]) -> Generation {
        let previous = self.held.borrow().as_ref().map(|held| Arc::clone(&held.assignment));
        let previous = previous.unwrap_or_else(|| Arc::new(Assignment::unassigned()));
        let mut pods: Vec<Pod> = slices
            .iter()
            .flat_map(|(_, pods)| pods.iter().copied().cloned())
            .collect();
        pods.sort();
        pods.dedup();
        let slices = slices.iter().map(|(start, serving)| {
            let mut replicas = ReplicaSet::none();
            for pod in *serving {
                let index = pods.iter().position(|other| other == *pod).unwrap();
                replicas.set(PodIndex::from(index), Phase::Serving);
            }
            (SliceKey::try_new(start.as_bytes()).unwrap(), replicas)
        });
        let slices = SliceMap::try_from_starts(slices.collect()).unwrap();
        let next = Arc::new(Proposal { pods, slices }.after(&previous).unwrap());
        let generation = next.generation();
        self.held.send_replace(Some(AssignmentSnapshot {
            assignment: next,
            key_mode: KeyMode::Ordered,
        }));
        generation
    }
}
