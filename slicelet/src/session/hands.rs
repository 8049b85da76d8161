//! The session's hands: perform its actions and collect the counts of requests.

use std::sync::Arc;

use emberkeep_core::assignment::Generation;
use emberkeep_core::load::Load;
use emberkeep_core::rate::Rate;
use emberkeep_core::slicelet::{Ownership, RangeCounts, Session, SessionAction, SessionEvent};
use emberkeep_core::target::KeyMode;
use emberkeep_proto::convert::{FromSlicelet, Heartbeat, Registration};
use emberkeep_runtime::driver::Hands;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::SessionParts;
use super::connection_task::ConnectionTask;
use super::running_pulls::RunningPulls;
use super::weighing::Weighing;
use crate::codec::Codec;
use crate::ownership_snapshot::OwnershipSnapshot;
use crate::transfer::Puller;

/// Performs the actions of one session.
pub(super) struct SessionHands<C: Codec> {
    parts: SessionParts<C>,
    /// The queue of the brain's events.
    events: mpsc::Sender<SessionEvent>,
    outgoing: Option<Outgoing>,
    weighing: Weighing,
    pulls: RunningPulls<C>,
}

/// The sending side of the newest connection; dropping it closes the connection.
struct Outgoing {
    messages: mpsc::Sender<FromSlicelet>,
    _closes_on_drop: DropGuard,
}

/// Messages queued for the network. Heartbeats and reports are superseded by later ones, so a longer queue has no use.
const MESSAGES_MAX: usize = 16;

impl<C: Codec> Hands<Session> for SessionHands<C> {
    async fn perform(&mut self, action: SessionAction) -> Option<SessionEvent> {
        match action {
            SessionAction::Connect {
                connection,
                assigner,
                known,
            } => self.connect(connection, assigner, known),
            SessionAction::SendHeartbeat {
                phase,
                applied,
                warming,
            } => {
                let demand = self.parts.store_access.demand();
                self.send(FromSlicelet::Heartbeat(Heartbeat {
                    phase,
                    applied,
                    store_demand: Rate::from_milli(demand.saturating_mul(1_000)),
                    warming,
                }));
            }
            SessionAction::SendLoadReport(report) => self.send(FromSlicelet::LoadReport(report)),
            SessionAction::CollectCounts { halves_sketches } => return Some(self.collect_counts(halves_sketches)),
            SessionAction::CoolValues => self.cool_values(),
            SessionAction::ShowLoad { fast, slow } => self.show_load(fast, slow),
            SessionAction::StopPeerWatches => self.parts.peers_left.cancel(),
            SessionAction::Pull { slice, source } => self.pulls.start(slice, source),
            SessionAction::StopPull { slice } => self.pulls.stop(&slice),
            SessionAction::LimitStoreRate(rate) => self.parts.store_access.grant(rate),
            SessionAction::HandleMisroutes(mode) => self.parts.published.handle_misroutes(mode),
            SessionAction::Publish { ownership, key_mode } => return Some(self.publish(ownership, key_mode)),
            SessionAction::Drained { is_forced } => self.on_drained(is_forced),
        }
        None
    }
}

impl<C: Codec> SessionHands<C> {
    pub(super) fn new(parts: SessionParts<C>, events: mpsc::Sender<SessionEvent>) -> Self {
        Self {
            weighing: Weighing::new(),
            pulls: RunningPulls::new(
                Puller::new(Arc::clone(&parts.warm), Arc::clone(&parts.published)),
                parts.tasks.clone(),
                events.clone(),
            ),
            parts,
            events,
            outgoing: None,
        }
    }

    fn connect(&mut self, connection: u64, assigner: Arc<str>, known: Generation) {
        self.parts.metrics.session.on_disconnected();
        let (messages, to_send) = mpsc::channel(MESSAGES_MAX);
        let end = CancellationToken::new();
        let task = ConnectionTask {
            connection,
            assigner,
            registration: Registration {
                target: self.parts.target.clone(),
                pod: self.parts.pod.clone(),
                known,
            },
            events: self.events.clone(),
            metrics: self.parts.metrics.session.clone(),
        };
        let (ends, stop) = (end.clone(), self.parts.tasks.stop().clone());
        self.parts
            .tasks
            .spawn_supervised("connection to the assigner", async move {
                tokio::select! {
                    () = task.run(to_send) => {}
                    () = ends.cancelled() => {}
                    () = stop.cancelled() => {}
                }
            });
        self.outgoing = Some(Outgoing {
            messages,
            _closes_on_drop: end.drop_guard(),
        });
    }

    fn send(&self, message: FromSlicelet) {
        let Some(outgoing) = &self.outgoing else { return };
        match outgoing.messages.try_send(message) {
            // A closed connection sends `ConnectionLost` to the brain itself.
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(_)) => {
                tracing::warn!(target = %self.parts.target, "the queue of messages to the assigner is full, a message is dropped");
            }
        }
    }

    /// Publishes the ownership, and takes the last counts under the one before.
    fn publish(&mut self, ownership: Arc<Ownership>, key_mode: KeyMode) -> SessionEvent {
        let now = self.parts.clock.now();
        let before = self.parts.published.publish(Arc::clone(&ownership), key_mode, now);
        let counts = self.take_counts(&before);
        let (gained, lost) = (
            ownership.gained_since(&before.ownership),
            ownership.lost_since(&before.ownership),
        );
        tracing::info!(
            target = %self.parts.target,
            generation = %ownership.generation(),
            gained_count = gained.len(),
            lost_count = lost.len(),
            "assignment applied"
        );
        self.parts.metrics.generation.set(ownership.generation().number());
        self.parts.metrics.owned_slices.set(ownership.owned().count() as i64);
        if !lost.is_empty() {
            self.forget_lost();
        }
        SessionEvent::Published { counts }
    }

    /// Clears the values of lost slices in a task, because it takes long in a large store. Correctness does not depend on
    /// when it is done: each read checks its value against the fence of the present ownership.
    fn forget_lost(&self) {
        let (published, warm) = (Arc::clone(&self.parts.published), Arc::clone(&self.parts.warm));
        let clear = move || {
            let OwnershipSnapshot {
                ownership, key_mode, ..
            } = &**published.snapshot.load();
            warm.retain(*key_mode, |slice_key| ownership.share_of(slice_key).1.is_some());
        };
        self.parts.tasks.spawn_supervised("forget lost slices", async move {
            if let Err(error) = tokio::task::spawn_blocking(clear).await {
                tracing::error!(%error, "values of lost slices were not cleared, they stay until they are evicted");
            }
        });
    }

    /// Halves the heat of all warm values in a task, because it takes long in a large store.
    fn cool_values(&self) {
        let warm = Arc::clone(&self.parts.warm);
        self.parts.tasks.spawn_supervised("cool down", async move {
            if let Err(error) = tokio::task::spawn_blocking(move || warm.halve_heat()).await {
                tracing::error!(%error, "the heat of values was not halved");
            }
        });
    }

    fn collect_counts(&mut self, halves_sketches: bool) -> SessionEvent {
        let snapshot = self.parts.published.snapshot.load_full();
        SessionEvent::Counted {
            counts: self.take_counts(&snapshot),
            sketches: self.parts.published.sampler.snapshot(halves_sketches),
            memory: self.weighing.poll(&snapshot, &self.parts),
        }
    }

    fn take_counts(&self, snapshot: &OwnershipSnapshot) -> RangeCounts {
        let taken = snapshot.take_counts();
        self.parts.metrics.record_requests(taken.request_count);
        RangeCounts {
            units: taken.units,
            taken_at: self.parts.clock.now(),
        }
    }

    fn show_load(&self, fast: Load, slow: Load) {
        let SessionParts { warm, metrics, .. } = &self.parts;
        metrics.load_fast.set(fast.milli() as f64 / 1_000.0);
        metrics.load_slow.set(slow.milli() as f64 / 1_000.0);
        metrics.warm.bytes.set(i64::try_from(warm.size()).unwrap_or(i64::MAX));
        metrics.warm.keys.set(warm.key_count() as i64);
    }

    fn on_drained(&self, is_forced: bool) {
        let target = &self.parts.target;
        if is_forced {
            tracing::warn!(%target, "the drain timeout is over, stopping although slices are still owned");
        } else {
            tracing::info!(%target, "drained");
        }
        self.parts.drained.cancel();
    }
}
