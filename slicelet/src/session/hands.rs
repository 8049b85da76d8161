//! Carries out what the session decides.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assignment::Generation;
use emberkeep_core::load::LoadReport;
use emberkeep_core::rate::Rate;
use emberkeep_core::slicelet::{LoadMeter, Ownership, Session, SessionAction, SessionEvent};
use emberkeep_core::target::KeyMode;
use emberkeep_core::time::Timestamp;
use emberkeep_proto::convert::{FromSlicelet, Heartbeat, Registration};
use emberkeep_runtime::driver::Hands;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::SessionParts;
use super::assigner_stream::AssignerStream;
use super::running_pulls::RunningPulls;
use super::weighing::Weighing;
use crate::codec::Codec;
use crate::holding::{Counted, Holding};
use crate::published_state::PublishedState;
use crate::transfer::Puller;

/// The hands of one session.
pub(super) struct SessionHands<C: Codec> {
    parts: SessionParts<C>,
    news: mpsc::Sender<SessionEvent>,
    outgoing: Option<Outgoing>,
    meter: LoadMeter,
    weighing: Weighing,
    pulls: RunningPulls<C>,
    measured_at: Timestamp,
    cooled_at: Timestamp,
}

/// The way to the assigner, of the newest link.
struct Outgoing {
    messages: mpsc::Sender<FromSlicelet>,
    _ends_the_link: DropGuard,
}

/// Messages that wait for the network. Heartbeats and reports are overtaken by the next ones, so more need not wait.
const MESSAGES_MAX: usize = 16;
/// What was asked for an hour ago says little of what will be asked for next.
const HEAT_HALF_LIFE: Duration = Duration::from_secs(60);

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
            SessionAction::MeasureLoad => {
                let report = self.measure_load();
                return Some(SessionEvent::LoadMeasured { report });
            }
            SessionAction::LeavePeers => self.parts.peers_left.cancel(),
            SessionAction::Pull { slice, source } => self.pulls.start(slice, source),
            SessionAction::StopPull { slice } => self.pulls.stop(&slice),
            SessionAction::LimitStoreRate(rate) => self.parts.store_access.grant(rate),
            SessionAction::HandleMisroutes(mode) => self.parts.published.handle_misroutes(mode),
            SessionAction::Publish { ownership, key_mode } => self.publish(ownership, key_mode),
            SessionAction::Drained { is_forced } => self.drained(is_forced),
        }
        None
    }
}

impl<C: Codec> SessionHands<C> {
    pub(super) fn new(parts: SessionParts<C>, news: mpsc::Sender<SessionEvent>) -> Self {
        Self {
            meter: LoadMeter::new(Arc::clone(&parts.published.snapshot.load().ownership)),
            weighing: Weighing::new(),
            pulls: RunningPulls::new(
                Puller::new(Arc::clone(&parts.warm), Arc::clone(&parts.published)),
                parts.tasks.clone(),
                news.clone(),
            ),
            measured_at: parts.clock.now(),
            cooled_at: parts.clock.now(),
            parts,
            news,
            outgoing: None,
        }
    }

    fn connect(&mut self, connection: u64, assigner: Arc<str>, known: Generation) {
        self.parts.metrics.is_connected.set(0);
        let (messages, to_send) = mpsc::channel(MESSAGES_MAX);
        let end = CancellationToken::new();
        let link = AssignerStream {
            connection,
            assigner,
            registration: Registration {
                target: self.parts.target.clone(),
                pod: self.parts.pod.clone(),
                known,
            },
            events: self.news.clone(),
            is_connected: self.parts.metrics.is_connected.clone(),
        };
        let (ends, stop) = (end.clone(), self.parts.tasks.stop().clone());
        self.parts.tasks.spawn_supervised("link to the assigner", async move {
            tokio::select! {
                () = link.run(to_send) => {}
                () = ends.cancelled() => {}
                () = stop.cancelled() => {}
            }
        });
        self.outgoing = Some(Outgoing {
            messages,
            _ends_the_link: end.drop_guard(),
        });
    }

    fn send(&self, message: FromSlicelet) {
        let Some(outgoing) = &self.outgoing else { return };
        match outgoing.messages.try_send(message) {
            // A closed link has told the brain, or is about to.
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(_)) => {
                tracing::warn!(target = %self.parts.target, "the assigner does not take messages, one is left out");
            }
        }
    }

    fn publish(&mut self, ownership: Arc<Ownership>, key_mode: KeyMode) {
        let now = self.parts.clock.now();
        let before = self.parts.published.publish(Arc::clone(&ownership), key_mode, now);
        self.record(before.take_counts());
        self.meter.follow(Arc::clone(&ownership));
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
    }

    /// Clears what is no longer owned, beside the session: it takes a while where much is warm. Nothing depends on when
    /// it is done, since values of an interrupted hold are never answered.
    fn forget_lost(&self) {
        let (published, warm) = (Arc::clone(&self.parts.published), Arc::clone(&self.parts.warm));
        let clear = move || {
            let Holding {
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

    /// Halves the heat of what is warm, beside the session.
    fn cool_if_due(&mut self) {
        let SessionParts { warm, tasks, clock, .. } = &self.parts;
        let now = clock.now();
        if now.since(self.cooled_at) < HEAT_HALF_LIFE {
            return;
        }
        self.cooled_at = now;
        let warm = Arc::clone(warm);
        tasks.spawn_supervised("cool down", async move {
            if let Err(error) = tokio::task::spawn_blocking(move || warm.halve_heat()).await {
                tracing::error!(%error, "the heat of values was not halved");
            }
        });
    }

    fn measure_load(&mut self) -> LoadReport {
        let PublishedState { snapshot, heat, .. } = &*Arc::clone(&self.parts.published);
        let holding = snapshot.load_full();
        self.record(holding.take_counts());
        let halves = self.meter.takes_halving();
        self.meter.sampled(&heat.snapshot(halves));
        self.cool_if_due();
        self.weighing.go_on(&mut self.meter, &holding, &self.parts);
        self.show_load();
        self.meter.report()
    }

    fn show_load(&self) {
        let SessionParts { warm, metrics, .. } = &self.parts;
        metrics.load_fast.set(self.meter.fast().milli() as f64 / 1_000.0);
        metrics.load_slow.set(self.meter.slow().milli() as f64 / 1_000.0);
        metrics.warm.bytes.set(i64::try_from(warm.size()).unwrap_or(i64::MAX));
        metrics.warm.keys.set(warm.key_count() as i64);
    }

    fn record(&mut self, counted: Counted) {
        let now = self.parts.clock.now();
        let elapsed = now.since(self.measured_at);
        self.measured_at = now;
        self.parts.metrics.record_requests(counted.request_count);
        self.meter.record(counted.units, elapsed);
    }

    fn drained(&self, is_forced: bool) {
        let target = &self.parts.target;
        if is_forced {
            tracing::warn!(%target, "drain timeout is over, stopping although slices are still owned");
        } else {
            tracing::info!(%target, "drained");
        }
        self.parts.drained.cancel();
    }
}
