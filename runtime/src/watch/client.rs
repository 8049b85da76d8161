//! The asking side of the watch.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use emberkeep_core::assignment::Generation;
use emberkeep_core::target::TargetName;
use emberkeep_proto::convert::{InvalidMessage, WatchStart, WatchUpdate};
use emberkeep_proto::pb::assignment_watch_client::AssignmentWatchClient;
use emberkeep_proto::pb::{WatchRequest, WatchResponse};
use futures::FutureExt;
use thiserror::Error;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, error::Elapsed, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Status, Streaming};

use super::sources::Sources;
use super::{AssignmentSnapshot, NeedsFull, UPDATE_SIZE_MAX};
use crate::backoff::Backoff;
use crate::channel::{BadAddress, ChannelSettings, channel_to};
use crate::tasks::supervised;

/// Whose assignment is watched, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchSettings {
    /// Whose assignment is watched.
    pub target: TargetName,
    /// The addresses of assigner members or slicelets, any of which may answer.
    pub sources: Vec<String>,
    /// Who asks, for the logs of whoever answers.
    pub watcher: String,
    /// How connections are made and kept.
    pub channel: ChannelSettings,
    /// How long a source may take to connect and to accept a watch.
    pub answer_timeout: Duration,
    /// How long it may take from then on until a watcher that holds nothing has received the whole assignment.
    pub first_update_timeout: Duration,
    /// The ceiling of the first delay between two tries.
    pub retry_first: Duration,
    /// The ceiling of all later ones; a watch that lasted as long counts as a success.
    pub retry_max: Duration,
}

impl WatchSettings {
    /// Settings with the default times.
    #[must_use]
    pub fn new(target: TargetName, sources: Vec<String>, watcher: impl Into<String>) -> Self {
        Self {
            target,
            sources,
            watcher: watcher.into(),
            channel: ChannelSettings::default(),
            answer_timeout: Duration::from_secs(2),
            first_update_timeout: Duration::from_secs(30),
            retry_first: Duration::from_millis(100),
            retry_max: Duration::from_secs(5),
        }
    }
}

/// Holds the newest assignment that any source has told, for as long as it lives.
///
/// One task asks one source at a time. When that one fails, falls silent or does not know the target, the next one is
/// asked, after a pause with backoff. What is held stays held meanwhile, and never goes back in generation.
#[derive(Debug)]
pub struct AssignmentWatcher {
    held: watch::Receiver<Option<AssignmentSnapshot>>,
    asking: Arc<Asking>,
    _ends_the_task: DropGuard,
}

/// What the watcher and its task share.
#[derive(Debug)]
struct Asking {
    sources: Mutex<Sources>,
    /// Somebody wants another source to be asked.
    elsewhere: Notify,
    /// A source was learned.
    learned: Notify,
}

impl AssignmentWatcher {
    /// Starts to watch, until `stop` is cancelled or the watcher is dropped.
    #[must_use]
    pub fn start(settings: WatchSettings, stop: &CancellationToken) -> Self {
        let (publish, held) = watch::channel(None);
        let asking = Arc::new(Asking {
            sources: Mutex::new(Sources::new(settings.sources.clone())),
            elsewhere: Notify::new(),
            learned: Notify::new(),
        });
        let end = stop.child_token();
        let watching = Watching {
            backoff: Backoff::new(settings.retry_first, settings.retry_max),
            settings,
            asking: Arc::clone(&asking),
            publish,
            wants_full: false,
        };
        let task = end.clone().run_until_cancelled_owned(watching.run());
        tokio::spawn(supervised("assignment watch", stop.clone(), task.map(|_| ())));
        Self {
            held,
            asking,
            _ends_the_task: end.drop_guard(),
        }
    }

    /// What is held, now and later; `None` before the first answer.
    #[must_use]
    pub fn held(&self) -> watch::Receiver<Option<AssignmentSnapshot>> {
        self.held.clone()
    }

    /// More addresses that may answer. One that fails is forgotten until it is added again, the configured ones are
    /// not.
    pub fn add_sources(&self, addresses: impl IntoIterator<Item = String>) {
        let mut sources = self.asking.sources();
        addresses.into_iter().for_each(|address| sources.learn(address));
        self.asking.learned.notify_one();
    }

    /// Asks the next source, because what is held is known to be old: somebody spoke of a later generation. Asking
    /// often is no more than asking once.
    pub fn look_elsewhere(&self) {
        self.asking.elsewhere.notify_one();
    }
}

impl Asking {
    fn sources(&self) -> std::sync::MutexGuard<'_, Sources> {
        // The list is whole after each of its methods, even if a holder panicked.
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a source is no longer asked.
#[derive(Debug, Error)]
enum Parting {
    #[error(transparent)]
    BadAddress(#[from] BadAddress),
    #[error("it did not answer in time")]
    Silent(#[from] Elapsed),
    #[error("it answered {}: {}", .0.code(), .0.message())]
    Refused(#[from] Status),
    #[error("it ended the watch")]
    Ended,
    #[error("it sent an invalid message: {0}")]
    Invalid(#[from] InvalidMessage),
    #[error("the whole is asked for: {0}")]
    NeedsFull(#[from] NeedsFull),
    #[error("another source may know more")]
    Elsewhere,
}

/// The task of a watcher.
struct Watching {
    settings: WatchSettings,
    asking: Arc<Asking>,
    publish: watch::Sender<Option<AssignmentSnapshot>>,
    backoff: Backoff,
    /// What is held is no base for diffs: the next source is asked for the whole.
    wants_full: bool,
}

impl Watching {
    async fn run(mut self) {
        loop {
            let source = self.next_source().await;
            let start = Instant::now();
            let Err(parting) = self.follow(&source).await;
            self.part(&source, &parting);
            if start.elapsed() >= self.settings.retry_max {
                self.backoff.reset();
            }
            tokio::time::sleep(self.backoff.next_delay()).await;
        }
    }

    async fn next_source(&self) -> String {
        loop {
            let next = self.asking.sources().next();
            match next {
                Some(source) => return source,
                None => self.asking.learned.notified().await,
            }
        }
    }

    /// Takes in what `source` tells until there is a reason to part.
    async fn follow(&mut self, source: &str) -> Result<std::convert::Infallible, Parting> {
        let mut told = self.ask(source).await?;
        // Who asked for another source before this one answered has got what it wanted.
        let _ = self.asking.elsewhere.notified().now_or_never();
        loop {
            let response = tokio::select! {
                response = self.next_response(&mut told) => response?,
                () = self.asking.elsewhere.notified() => return Err(Parting::Elsewhere),
            };
            self.take_in(WatchUpdate::try_from(response)?)?;
        }
    }

    async fn ask(&self, source: &str) -> Result<Streaming<WatchResponse>, Parting> {
        let channel = channel_to(source, &self.settings.channel)?;
        let mut client = AssignmentWatchClient::new(channel).max_decoding_message_size(UPDATE_SIZE_MAX);
        let start = WatchStart {
            target: self.settings.target.clone(),
            known: self.known(),
            watcher: self.settings.watcher.clone(),
        };
        let answer = client.watch(WatchRequest::from(&start));
        let told = timeout(self.settings.answer_timeout, answer).await??;
        Ok(told.into_inner())
    }

    /// There is a deadline only while nothing is held: later, silence means that nothing changes, and keepalive
    /// notices a connection that is dead.
    async fn next_response(&self, told: &mut Streaming<WatchResponse>) -> Result<WatchResponse, Parting> {
        let holds_nothing = self.publish.borrow().is_none();
        let response = if holds_nothing {
            timeout(self.settings.first_update_timeout, told.message()).await??
        } else {
            told.message().await?
        };
        response.ok_or(Parting::Ended)
    }

    fn take_in(&mut self, told: WatchUpdate) -> Result<(), Parting> {
        let next = AssignmentSnapshot::after(self.publish.borrow().as_ref(), told)?;
        self.wants_full = false;
        if let Some(next) = next {
            self.publish.send_replace(Some(next));
        }
        Ok(())
    }

    fn known(&self) -> Generation {
        match self.publish.borrow().as_ref() {
            Some(held) if !self.wants_full => held.assignment.generation(),
            Some(_) | None => Generation::NONE,
        }
    }

    fn part(&mut self, source: &str, parting: &Parting) {
        let target = &self.settings.target;
        match parting {
            Parting::Elsewhere => tracing::debug!(%target, source, "watching another source: {parting}"),
            Parting::NeedsFull(_) => {
                self.wants_full = true;
                tracing::info!(%target, source, "watching anew: {parting}");
            }
            Parting::BadAddress(_)
            | Parting::Silent(_)
            | Parting::Refused(_)
            | Parting::Ended
            | Parting::Invalid(_) => {
                self.asking.sources().forget(source);
                tracing::warn!(%target, source, "watch failed: {parting}");
            }
        }
    }
}
