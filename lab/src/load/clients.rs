//! The clients of the demo service: clerks, each with its own connections.

use std::sync::Arc;

use emberkeep_clerk::{Clerk, ClerkBuilder, ClerkSettings, ClerkStats};
use emberkeep_core::assignment::Generation;
use futures::future::join_all;
use futures::{StreamExt, TryStreamExt, stream};
use tonic::Status;

use super::schedule::ScheduledRequest;
use crate::demo::TARGET;
use crate::demo::pb::demo_client::DemoClient;
use crate::demo::pb::{ViewRequest, ViewResponse};
use crate::{DEADLINE, LabError};

const CLERK_COUNT: usize = 4;
/// The number of concurrent reads.
const READ_WIDTH: usize = 64;

/// Clerks that send requests in rotation.
#[derive(Debug, Clone)]
pub struct Clients(Arc<[Clerk]>);

impl Clients {
    /// Connects, and waits until each clerk has this generation or a newer one.
    ///
    /// # Errors
    /// If that takes longer than [`DEADLINE`].
    pub async fn connect(
        assigners: &[String],
        generation: Generation,
        settings: ClerkSettings,
    ) -> Result<Self, LabError> {
        let mut clerks = Vec::new();
        for number in 1..=CLERK_COUNT {
            let builder = Clerk::builder(TARGET).name(format!("dev-client-{number}"));
            let builder = builder.settings(settings.clone());
            let builder = assigners.iter().fold(builder, |builder, url| builder.assigner(url));
            let clerk = builder.connect().await.map_err(LabError::failed)?;
            clerks.push(clerk);
        }
        let received_by_all = join_all(clerks.iter().map(|clerk| received(clerk, generation)));
        match tokio::time::timeout(DEADLINE, received_by_all).await {
            Ok(_) => Ok(Self(clerks.into())),
            Err(_) => Err(LabError::failed(format!(
                "the clerks did not receive generation {generation} within {DEADLINE:?}"
            ))),
        }
    }

    /// The clerks, each with a name of its own.
    pub(crate) fn clerks(&self) -> &[Clerk] {
        &self.0
    }

    /// A client configured with these pods only, which receives the assignment from them.
    pub(crate) async fn of_pods(
        addresses: impl IntoIterator<Item = String>,
        settings: ClerkSettings,
    ) -> Result<Self, LabError> {
        let builder = Clerk::builder(TARGET).name("dev-new-client").settings(settings);
        let builder = addresses.into_iter().fold(builder, ClerkBuilder::slicelet);
        let clerk = builder.connect().await.map_err(LabError::failed)?;
        Ok(Self(Arc::new([clerk])))
    }

    /// Sends these requests, 64 at a time; `read` receives the number of answers so far. Fails with the first failed
    /// request.
    pub(crate) async fn read_each(
        &self,
        requests: impl Iterator<Item = ScheduledRequest>,
        read: impl Fn(usize),
    ) -> Result<(), LabError> {
        let sent = requests
            .enumerate()
            .map(async |(number, request)| match self.view(number, &request).await {
                Ok(_) => Ok(()),
                Err(status) => Err(LabError::failed(format!(
                    "key {} cannot be read: {status}",
                    request.key
                ))),
            });
        let mut answers = stream::iter(sent).buffer_unordered(READ_WIDTH);
        let mut done = 0;
        while answers.try_next().await?.is_some() {
            done += 1;
            read(done);
        }
        Ok(())
    }

    /// Requests retried, and answers of pods that did not own the key, by all clerks.
    pub(crate) fn retried_and_misrouted(&self) -> (u64, u64) {
        let stats: Vec<ClerkStats> = self.0.iter().map(Clerk::stats).collect();
        let retried = stats.iter().map(|stats| stats.retried).sum();
        (retried, stats.iter().map(|stats| stats.misrouted).sum())
    }

    /// Requests a key's value from its owner; the number selects the clerk.
    pub(crate) async fn view(&self, number: usize, request: &ScheduledRequest) -> Result<ViewResponse, Status> {
        let clerk = &self.0[number % self.0.len()];
        let mut demo = DemoClient::new(clerk.for_key(request.key.as_bytes()).idempotent());
        let request = ViewRequest {
            key: request.key.to_string(),
            load_milli: request.load_milli,
        };
        Ok(demo.view(request).await?.into_inner())
    }
}

async fn received(clerk: &Clerk, generation: Generation) {
    let mut assignment = clerk.assignment();
    // It fails only once the clerk has ended, and then each request fails, too.
    let _ = assignment
        .wait_for(|held| {
            held.as_ref()
                .is_some_and(|held| held.assignment.generation() >= generation)
        })
        .await;
}
