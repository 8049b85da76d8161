//! The running pulls: each transfers the warm values of one slice, in a task of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use emberkeep_core::keyspace::Slice;
use emberkeep_core::pod::Pod;
use emberkeep_core::slicelet::SessionEvent;
use emberkeep_core::warmth::Warmth;
use emberkeep_runtime::tasks::Tasks;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::codec::Codec;
use crate::transfer::Puller;

/// The running pulls, by slice. The brain limits their number.
pub(super) struct RunningPulls<C: Codec> {
    puller: Arc<Puller<C>>,
    tasks: Tasks,
    events: mpsc::Sender<SessionEvent>,
    running: BTreeMap<Slice, RunningPull>,
}

/// A running pull; dropping this ends it.
struct RunningPull {
    ended: CancellationToken,
    _ends_on_drop: DropGuard,
}

impl<C: Codec> RunningPulls<C> {
    pub(super) fn new(puller: Puller<C>, tasks: Tasks, events: mpsc::Sender<SessionEvent>) -> Self {
        Self {
            puller: Arc::new(puller),
            tasks,
            events,
            running: BTreeMap::new(),
        }
    }

    /// Pulls a slice from the pod `source`, and reports its warmth to the brain.
    pub(super) fn start(&mut self, slice: Slice, source: Arc<Pod>) {
        self.running.retain(|_, pull| !pull.ended.is_cancelled());
        let (end, ended) = (CancellationToken::new(), CancellationToken::new());
        let pull = RunningPull {
            ended: ended.clone(),
            _ends_on_drop: end.clone().drop_guard(),
        };
        self.running.insert(slice.clone(), pull);
        let (puller, events, stop) = (Arc::clone(&self.puller), self.events.clone(), self.tasks.stop().clone());
        self.tasks.spawn_supervised("pull", async move {
            let _ended = ended.drop_guard();
            tokio::select! {
                () = run(&puller, &slice, &source, &events) => {}
                () = end.cancelled() => {}
                () = stop.cancelled() => {}
            }
        });
    }

    pub(super) fn stop(&mut self, slice: &Slice) {
        self.running.remove(slice);
    }
}

/// Runs one pull and reports its warmth. While the brain is busy, only the newest warmth waits.
async fn run<C: Codec>(puller: &Puller<C>, slice: &Slice, source: &Pod, events: &mpsc::Sender<SessionEvent>) {
    let (report, mut newest) = watch::channel(Warmth::default());
    let pulling = puller.pull(slice, &source.address, move |warmth| {
        report.send_replace(warmth);
    });
    let reporting = async {
        while newest.changed().await.is_ok() {
            let warmth = *newest.borrow_and_update();
            let slice = slice.clone();
            // The receiver is gone only after the session has ended.
            let _ = events.send(SessionEvent::Warmed { slice, warmth }).await;
        }
    };
    tokio::join!(pulling, reporting);
}
