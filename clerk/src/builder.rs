//! How a clerk is made.

use std::sync::Arc;

use emberkeep_core::assignment::Generation;
use emberkeep_core::pod::PodAddress;
use emberkeep_core::target::TargetName;
use emberkeep_runtime::channel::channel_to;
use emberkeep_runtime::tasks::supervised;
use emberkeep_runtime::watch::{AssignmentSnapshot, AssignmentWatcher, WatchSettings};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::directory::Directory;
use crate::reporter::{Reporter, reporter};
use crate::settings::ClerkSettings;
use crate::{Clerk, ClerkError};

/// A clerk in the making.
#[derive(Debug, Clone)]
#[must_use = "a clerk is made by `connect`"]
pub struct ClerkBuilder {
    target: String,
    sources: Vec<String>,
    seeds: Vec<String>,
    zone: Option<Arc<str>>,
    name: String,
    settings: ClerkSettings,
}

impl ClerkBuilder {
    pub(crate) fn new(target: String) -> Self {
        Self {
            target,
            sources: Vec::new(),
            seeds: Vec::new(),
            zone: None,
            name: "clerk".to_owned(),
            settings: ClerkSettings::default(),
        }
    }

    /// A member of the assigner, which tells the assignment. Name as many as there are.
    pub fn assigner(mut self, url: impl Into<String>) -> Self {
        self.sources.push(url.into());
        self
    }

    /// A pod of the target, which tells the assignment too, even with no assigner alive. Further ones are learned.
    pub fn slicelet(self, url: impl Into<String>) -> Self {
        self.assigner(url)
    }

    /// Pods that get the requests until the first assignment has come, spread by consistent hashing.
    pub fn seed_pods(mut self, addresses: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.seeds.extend(addresses.into_iter().map(Into::into));
        self
    }

    /// The zone of the caller: of several pods that serve a key, those in the same zone are asked.
    pub fn zone(mut self, zone: impl Into<Arc<str>>) -> Self {
        self.zone = Some(zone.into());
        self
    }

    /// The caller's name, for the logs of whoever tells the assignment.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Other settings than the default ones.
    pub fn settings(mut self, settings: ClerkSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Starts the clerk. It is made even if nobody answers yet; [`Clerk::ready`] waits for the first assignment.
    ///
    /// # Errors
    /// When the target's name or an address is not allowed, or nobody to ask was named.
    pub async fn connect(self) -> Result<Clerk, ClerkError> {
        let target = TargetName::try_new(&self.target)?;
        let seeds: Vec<_> = self
            .seeds
            .iter()
            .map(|seed| PodAddress::try_new(seed))
            .collect::<Result<_, _>>()?;
        if self.sources.is_empty() && seeds.is_empty() {
            return Err(ClerkError::NobodyToAsk);
        }
        for source in &self.sources {
            channel_to(source, &self.settings.channel)?;
        }
        let stop = CancellationToken::new();
        let reporter = self.start_reporter(&target, &stop);
        let directory = Arc::new(Directory::new(&seeds, self.zone, self.settings.channel.clone()));
        let sources = self.sources.into_iter().chain(self.seeds).collect();
        let mut watch = WatchSettings::new(target, sources, self.name);
        watch.channel = self.settings.channel.clone();
        let watcher = Arc::new(AssignmentWatcher::start(watch, &stop));
        let following = follow(Arc::clone(&watcher), Arc::clone(&directory));
        let following = stop.clone().run_until_cancelled_owned(following);
        tokio::spawn(supervised("clerk", stop.clone(), async {
            following.await;
        }));
        Ok(Clerk::new(
            directory,
            watcher,
            reporter,
            self.settings,
            stop.drop_guard(),
        ))
    }

    /// Seed pods are not told: they take no reports.
    fn start_reporter(&self, target: &TargetName, stop: &CancellationToken) -> Option<Reporter> {
        if self.sources.is_empty() {
            return None;
        }
        let (reporter, delivery) = reporter(target.clone(), &self.sources, self.settings.channel.clone());
        let delivering = stop.clone().run_until_cancelled_owned(delivery.run());
        tokio::spawn(supervised("pod reports", stop.clone(), async {
            delivering.await;
        }));
        Some(reporter)
    }
}

/// How many pods of each new assignment are remembered as sources of the next one.
const SOURCES_LEARNED: usize = 8;

/// Routes by whatever the watcher holds.
async fn follow(watcher: Arc<AssignmentWatcher>, directory: Arc<Directory>) {
    let mut newest: watch::Receiver<Option<AssignmentSnapshot>> = watcher.held();
    loop {
        let held = newest.borrow_and_update().clone();
        // At generation zero nobody owns anything yet.
        if let Some(held) = held.filter(|held| held.assignment.generation() > Generation::NONE) {
            watcher.add_sources(some_pods(&held));
            directory.take_in(held);
        }
        if newest.changed().await.is_err() {
            return;
        }
    }
}

/// Pods from a random place on, so that clerks spread over them.
fn some_pods(held: &AssignmentSnapshot) -> Vec<String> {
    let pods = held.assignment.pods();
    let start = if pods.is_empty() {
        0
    } else {
        rand::random_range(0..pods.len())
    };
    let from_start = pods.iter().cycle().skip(start).take(pods.len().min(SOURCES_LEARNED));
    from_start.map(|pod| pod.address.to_string()).collect()
}
