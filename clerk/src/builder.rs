//! Builds a clerk: its configuration, its background tasks.

use std::sync::Arc;

use emberkeep_core::assignment::Generation;
use emberkeep_core::pod::PodAddress;
use emberkeep_core::target::TargetName;
use emberkeep_runtime::channel::channel_to;
use emberkeep_runtime::tasks::supervised;
use emberkeep_runtime::watch::{AssignmentSnapshot, AssignmentWatcher, WatchSettings};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clerk_state::ClerkState;
use crate::directory::Directory;
use crate::metrics::{GaugeSources, Metrics};
use crate::reporter::{Reporter, reporter};
use crate::settings::ClerkSettings;
use crate::{Clerk, ClerkError};

/// Builds a [`Clerk`] for one target.
#[derive(Debug, Clone)]
#[must_use = "`connect` builds the clerk"]
pub struct ClerkBuilder {
    target: String,
    sources: Vec<String>,
    seeds: Vec<String>,
    zone: Option<Arc<str>>,
    name: String,
    settings: ClerkSettings,
}

impl Clerk {
    /// Starts the configuration of a clerk for the target of that name.
    pub fn builder(target: impl Into<String>) -> ClerkBuilder {
        ClerkBuilder {
            target: target.into(),
            sources: Vec::new(),
            seeds: Vec::new(),
            zone: None,
            name: "clerk".to_owned(),
            settings: ClerkSettings::default(),
        }
    }
}

impl ClerkBuilder {
    /// Adds a member of the assigner as a source of assignments, by its URL. Name every member.
    pub fn assigner(mut self, url: impl Into<String>) -> Self {
        self.sources.push(url.into());
        self
    }

    /// Adds a pod of the target as a source of assignments, by its URL. Pods serve the watch too, even while no
    /// assigner is running. Further pods are learned from the assignment.
    pub fn slicelet(self, url: impl Into<String>) -> Self {
        self.assigner(url)
    }

    /// Adds pods that receive requests before the first assignment, spread by consistent hashing of the key.
    pub fn seed_pods(mut self, addresses: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.seeds.extend(addresses.into_iter().map(Into::into));
        self
    }

    /// Sets the zone of the caller: among several pods that serve a key, those in the same zone are preferred.
    pub fn zone(mut self, zone: impl Into<Arc<str>>) -> Self {
        self.zone = Some(zone.into());
        self
    }

    /// Sets the name of this clerk in its metrics and in the logs of its sources. The default is `clerk`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Replaces the default settings.
    pub fn settings(mut self, settings: ClerkSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Builds the clerk and starts its background tasks. It returns even when no source is reachable yet;
    /// [`Clerk::ready`] waits for the first assignment.
    ///
    /// # Errors
    /// When the name of the target or an address is invalid, or neither sources nor seed pods were named.
    pub async fn connect(self) -> Result<Clerk, ClerkError> {
        let target = TargetName::try_new(&self.target)?;
        let seeds: Vec<_> = self
            .seeds
            .iter()
            .map(|seed| PodAddress::try_new(seed))
            .collect::<Result<_, _>>()?;
        if self.sources.is_empty() && seeds.is_empty() {
            return Err(ClerkError::NoSources);
        }
        for source in &self.sources {
            channel_to(source, &self.settings.channel)?;
        }
        let stop = CancellationToken::new();
        let reporter = self.start_reporter(&target, &stop);
        let gauge_sources = GaugeSources::new(&seeds, self.zone, &self.settings);
        let directory = Arc::clone(&gauge_sources.directory);
        let metrics = Metrics::new(target.as_str(), &self.name, gauge_sources.clone());
        let sources = self.sources.into_iter().chain(self.seeds).collect();
        let mut watch = WatchSettings::new(target.clone(), sources, self.name);
        watch.channel = self.settings.channel.clone();
        let watcher = Arc::new(AssignmentWatcher::start_measured(watch, metrics.watch.clone(), &stop));
        let following = follow(Arc::clone(&watcher), Arc::clone(&directory));
        let following = stop.clone().run_until_cancelled_owned(following);
        tokio::spawn(supervised("clerk", stop.clone(), async {
            following.await;
        }));
        Ok(Clerk::new(ClerkState::new(
            target,
            gauge_sources,
            metrics,
            watcher,
            reporter,
            self.settings,
            stop.drop_guard(),
        )))
    }

    /// `None` when only seed pods are configured: they accept no reports.
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

/// The number of pods of each new assignment that become further sources of the watch.
const LEARNED_SOURCES: usize = 8;

/// Keeps the directory at the newest assignment of the watcher.
async fn follow(watcher: Arc<AssignmentWatcher>, directory: Arc<Directory>) {
    let mut newest: watch::Receiver<Option<AssignmentSnapshot>> = watcher.held();
    loop {
        let held = newest.borrow_and_update().clone();
        // At generation zero no slice has an owner.
        if let Some(held) = held.filter(|held| held.assignment.generation() > Generation::NONE) {
            watcher.add_sources(random_pods(&held));
            directory.apply(held);
        }
        if newest.changed().await.is_err() {
            return;
        }
    }
}

/// Consecutive pods from a random position, so that the watches of clerks spread over all pods.
fn random_pods(held: &AssignmentSnapshot) -> Vec<String> {
    let pods = held.assignment.pods();
    let start = if pods.is_empty() {
        0
    } else {
        rand::random_range(0..pods.len())
    };
    let from_start = pods.iter().cycle().skip(start).take(pods.len().min(LEARNED_SOURCES));
    from_start.map(|pod| pod.address.to_string()).collect()
}
