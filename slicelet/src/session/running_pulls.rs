//! The pulls that run: each gets one slice ready, beside the session.

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

/// How many there are, the brain says.
pub(super) struct RunningPulls<C: Codec> {
    puller: Arc<Puller<C>>,
    tasks: Tasks,
    news: mpsc::Sender<SessionEvent>,
    running: BTreeMap<Slice, RunningPull>,
}

/// Ends with this.
struct RunningPull {
    is_over: CancellationToken,
    _ends_it: DropGuard,
}

impl<C: Codec> RunningPulls<C> {
    pub(super) fn new(puller: Puller<C>, tasks: Tasks, news: mpsc::Sender<SessionEvent>) -> Self {
        Self {
            puller: Arc::new(puller),
            tasks,
            news,
            running: BTreeMap::new(),
        }
    }

    /// Gets a slice ready from that pod, and tells the brain how far it is.
    pub(super) fn start(&mut self, slice: Slice, source: Arc<Pod>) {
        self.running.retain(|_, pull| !pull.is_over.is_cancelled());
        let (end, is_over) = (CancellationToken::new(), CancellationToken::new());
        let pull = RunningPull {
            is_over: is_over.clone(),
            _ends_it: end.clone().drop_guard(),
        };
        self.running.insert(slice.clone(), pull);
        let (puller, news, stop) = (Arc::clone(&self.puller), self.news.clone(), self.tasks.stop().clone());
        self.tasks.spawn_supervised("pull", async move {
            let _over = is_over.drop_guard();
            tokio::select! {
                () = run(&puller, &slice, &source, &news) => {}
                () = end.cancelled() => {}
                () = stop.cancelled() => {}
            }
        });
    }

    pub(super) fn stop(&mut self, slice: &Slice) {
        self.running.remove(slice);
    }
}

/// The brain is told the newest warmth only: while it is busy, others come and go unseen.
async fn run<C: Codec>(puller: &Puller<C>, slice: &Slice, source: &Pod, news: &mpsc::Sender<SessionEvent>) {
    let (report, mut newest) = watch::channel(Warmth::default());
    let pulling = puller.pull(slice, &source.address, move |warmth| {
        report.send_replace(warmth);
    });
    let reporting = async {
        while newest.changed().await.is_ok() {
            let warmth = *newest.borrow_and_update();
            let slice = slice.clone();
            // Nobody listens only if the session has ended.
            let _ = news.send(SessionEvent::Warmed { slice, warmth }).await;
        }
    };
    tokio::join!(pulling, reporting);
}
