//! The clients of the demo service: clerks, each with connections of its own.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_clerk::{Clerk, ClerkBuilder, ClerkStats};
use emberkeep_core::assignment::Generation;
use emberkeep_proto::demo::demo_client::DemoClient;
use emberkeep_proto::demo::{ViewRequest, ViewResponse};
use futures::future::join_all;
use futures::{StreamExt, TryStreamExt, stream};
use tonic::Status;

use super::demo::TARGET;
use super::schedule::Due;
use crate::exit::Failure;

const CLERK_COUNT: usize = 4;
/// How many keys are read at a time.
const READ_WIDTH: usize = 64;
/// How long clerks may take to know of an assignment.
const CLERK_TIMEOUT: Duration = Duration::from_secs(30);

/// Clerks that share the requests among them.
#[derive(Debug, Clone)]
pub(crate) struct Clients(Arc<[Clerk]>);

impl Clients {
    /// Clerks that know this generation, or a newer one.
    pub(crate) async fn connect(assigners: &[String], generation: Generation) -> Result<Self, Failure> {
        let mut clerks = Vec::new();
        for number in 1..=CLERK_COUNT {
            let builder = Clerk::builder(TARGET).name(format!("dev-client-{number}"));
            let builder = assigners.iter().fold(builder, |builder, url| builder.assigner(url));
            let clerk = builder.connect().await.map_err(Failure::failed)?;
            clerks.push(clerk);
        }
        let known = join_all(clerks.iter().map(|clerk| knows(clerk, generation)));
        match tokio::time::timeout(CLERK_TIMEOUT, known).await {
            Ok(_) => Ok(Self(clerks.into())),
            Err(_) => Err(Failure::failed(format!(
                "the clerks did not know generation {generation} within {CLERK_TIMEOUT:?}"
            ))),
        }
    }

    /// A client that is told of these pods only, and has to learn everything from them.
    pub(super) async fn of_pods(addresses: impl IntoIterator<Item = String>) -> Result<Self, Failure> {
        let builder = Clerk::builder(TARGET).name("dev-new-client");
        let builder = addresses.into_iter().fold(builder, ClerkBuilder::slicelet);
        let clerk = builder.connect().await.map_err(Failure::failed)?;
        Ok(Self(Arc::new([clerk])))
    }

    /// Asks for each of these, some at a time; `read` is told of each answer. Fails where one is not answered.
    pub(super) async fn read_each(
        &self,
        requests: impl Iterator<Item = Due>,
        read: impl Fn(usize),
    ) -> Result<(), Failure> {
        let asked = requests
            .enumerate()
            .map(async |(number, due)| match self.ask(number, &due).await {
                Ok(_) => Ok(()),
                Err(status) => Err(Failure::failed(format!("key {} cannot be read: {status}", due.key))),
            });
        let mut answers = stream::iter(asked).buffer_unordered(READ_WIDTH);
        let mut done = 0;
        while answers.try_next().await?.is_some() {
            done += 1;
            read(done);
        }
        Ok(())
    }

    /// What all clerks together have counted: retried, misrouted.
    pub(crate) fn detours(&self) -> (u64, u64) {
        let stats: Vec<ClerkStats> = self.0.iter().map(Clerk::stats).collect();
        let retried = stats.iter().map(|stats| stats.retried).sum();
        (retried, stats.iter().map(|stats| stats.misrouted).sum())
    }

    /// Asks for a key's value, by one clerk after the other.
    pub(crate) async fn ask(&self, number: usize, due: &Due) -> Result<ViewResponse, Status> {
        let clerk = &self.0[number % self.0.len()];
        let mut demo = DemoClient::new(clerk.for_key(due.key.as_bytes()).idempotent());
        let request = ViewRequest {
            key: due.key.to_string(),
            load_milli: due.load_milli,
        };
        Ok(demo.view(request).await?.into_inner())
    }
}

async fn knows(clerk: &Clerk, generation: Generation) {
    let mut assignment = clerk.assignment();
    // It fails only if the clerk has ended, which no request would survive either.
    let _ = assignment
        .wait_for(|held| {
            held.as_ref()
                .is_some_and(|held| held.assignment.generation() >= generation)
        })
        .await;
}
