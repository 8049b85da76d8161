//! Leading: while this member leads, one brain a target is driven.

use std::collections::BTreeMap;
use std::sync::Arc;

use emberkeep_core::assigner::{ClusterState, TargetBrain, TargetEvent, TargetState};
use emberkeep_core::target::TargetName;
use emberkeep_runtime::clock::Clock;
use emberkeep_runtime::driver::drive;
use emberkeep_runtime::tasks::Tasks;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::desk::{Brain, Desk, EVENTS_MAX};
use crate::hands::TargetHands;
use crate::metrics::Metrics;
use crate::raft::{Leadership, Member};
use crate::recorder::{Recorder, Witnessed};

/// All that leading needs.
#[derive(Clone)]
pub(crate) struct Leader {
    pub(crate) member: Member,
    pub(crate) desk: Arc<Desk>,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Clock,
    pub(crate) tasks: Tasks,
    pub(crate) recorder: Option<Recorder>,
}

impl Leader {
    /// Leads whenever this member is the leader. Ends with the member.
    pub(crate) async fn run(self) {
        let mut leadership = self.member.leadership();
        loop {
            let current = leadership.borrow_and_update().clone();
            self.metrics.leads(current.is_leading());
            match current {
                Leadership::Stopped => return,
                Leadership::Following { .. } => {
                    if leadership.changed().await.is_err() {
                        return;
                    }
                }
                Leadership::Leading { .. } => {
                    let term = self.tasks.stop().child_token();
                    tokio::select! {
                        () = self.lead(&term) => {}
                        _ = leadership.changed() => {}
                    }
                    term.cancel();
                    self.desk.clear();
                }
            }
        }
    }

    /// Seats a brain for each target, and tells it whenever the replicated state of its target changes.
    async fn lead(&self, term: &CancellationToken) {
        let mut states = self.member.state();
        let mut seated: BTreeMap<TargetName, (Brain, Arc<TargetState>)> = BTreeMap::new();
        loop {
            let cluster: Arc<ClusterState> = states.borrow_and_update().clone();
            for (target, state) in cluster.targets() {
                match seated.get_mut(target) {
                    None => {
                        let brain = self.seat(target, state, term);
                        seated.insert(target.clone(), (brain, Arc::clone(state)));
                    }
                    Some((_, known)) if Arc::ptr_eq(known, state) => {}
                    Some((brain, known)) => {
                        *known = Arc::clone(state);
                        let state = Arc::clone(state);
                        // A brain that has ended ends the term, too.
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

    fn seat(&self, target: &TargetName, state: &Arc<TargetState>, term: &CancellationToken) -> Brain {
        let (events, received) = mpsc::channel(EVENTS_MAX);
        let brain = Brain {
            events,
            ended: term.clone(),
        };
        let hands = TargetHands::new(target.clone(), self, brain.clone());
        let now = self.clock.now();
        let witness = self
            .recorder
            .as_ref()
            .map(|recorder| recorder.witness(target, state, now));
        let mind = Witnessed::new(TargetBrain::new(Arc::clone(state), now), witness);
        let driven = drive(mind, hands, received, self.clock, term.clone());
        self.tasks.spawn_supervised("target brain", driven);
        self.desk.seat(target.clone(), brain.clone());
        brain
    }
}
