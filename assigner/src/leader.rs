//! Leading: while this member leads, it drives one brain per target.

use std::collections::BTreeMap;
use std::sync::Arc;

use emberkeep_core::assigner::{ClusterState, TargetBrain, TargetEvent, TargetState};
use emberkeep_core::target::TargetName;
use emberkeep_runtime::clock::Clock;
use emberkeep_runtime::driver::drive;
use emberkeep_runtime::tasks::Tasks;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::brain_queries::BrainQueries;
use crate::hands::TargetHands;
use crate::load_observer::observe_load;
use crate::measured_brain::MeasuredBrain;
use crate::metrics::Metrics;
use crate::raft::Leadership;
use crate::recording::{RecordedBrain, Recorder};
use crate::session_registry::{BrainHandle, EVENTS_MAX};

/// Starts the brains at the beginning of a term and stops them at its end.
#[derive(Clone)]
pub(crate) struct Leader {
    /// Reaches the member, and the registry of its brains.
    pub(crate) queries: BrainQueries,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Clock,
    pub(crate) tasks: Tasks,
    pub(crate) recorder: Option<Recorder>,
}

impl Leader {
    /// Runs until the member stops.
    pub(crate) async fn run(self) {
        let mut leadership = self.queries.member.leadership();
        loop {
            let current = leadership.borrow_and_update().clone();
            self.metrics.record_leadership(current.is_leading());
            match current {
                // ## any -> Stopped: openraft has stopped, the member shuts down
                Leadership::Stopped => return,
                // ## any -> Following: another member leads, or no quorum answers; wait for the next change
                Leadership::Following { .. } => {
                    if leadership.changed().await.is_err() {
                        return;
                    }
                }
                // ## Following -> Leading: a term begins; it ends with the next change of leadership
                Leadership::Leading { .. } => {
                    let term = self.tasks.stop().child_token();
                    tokio::select! {
                        () = self.lead(&term) => {}
                        () = observe_load(self.queries.clone(), self.metrics.clone()) => {}
                        _ = leadership.changed() => {}
                    }
                    term.cancel();
                    self.queries.registry.remove_brains();
                }
            }
        }
    }

    /// Starts a brain for each target, and sends it each change of the target's replicated state.
    async fn lead(&self, term: &CancellationToken) {
        let mut states = self.queries.member.state();
        let mut started: BTreeMap<TargetName, (BrainHandle, Arc<TargetState>)> = BTreeMap::new();
        loop {
            let cluster: Arc<ClusterState> = states.borrow_and_update().clone();
            for (target, state) in cluster.targets() {
                match started.get_mut(target) {
                    None => {
                        let brain = self.start_brain(target, state, term);
                        started.insert(target.clone(), (brain, Arc::clone(state)));
                    }
                    Some((_, known)) if Arc::ptr_eq(known, state) => {}
                    Some((brain, known)) => {
                        *known = Arc::clone(state);
                        let state = Arc::clone(state);
                        // Fails when the brain has ended, which ends the term.
                        if brain.events.send(TargetEvent::Applied { state }).await.is_err() {
                            return;
                        }
                    }
                }
            }
            if states.changed().await.is_err() {
                return;
            }
        }
    }

    fn start_brain(&self, target: &TargetName, state: &Arc<TargetState>, term: &CancellationToken) -> BrainHandle {
        let (events, received) = mpsc::channel(EVENTS_MAX);
        let brain = BrainHandle {
            events,
            ended: term.clone(),
        };
        let hands = TargetHands {
            target: target.clone(),
            member: self.queries.member.clone(),
            registry: Arc::clone(&self.queries.registry),
            metrics: self.metrics.clone(),
            tasks: self.tasks.clone(),
            brain: brain.clone(),
        };
        self.metrics.on_brain_started(target);
        let now = self.clock.now();
        let recorder = self.recorder.as_ref();
        let recorder = recorder.map(|recorder| recorder.start_brain(target, state, now));
        let measured = MeasuredBrain {
            brain: RecordedBrain::new(TargetBrain::new(Arc::clone(state), now), recorder),
            step_seconds: self.metrics.step_seconds(target),
        };
        let driven = drive(measured, hands, received, self.clock, term.clone());
        self.tasks.spawn_supervised("target brain", driven);
        self.queries.registry.add_brain(target.clone(), brain.clone());
        brain
    }
}
